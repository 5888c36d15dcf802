// What the stream told so far, as signals. Only receive() changes the cluster's
// state; the parts change the selection alone.
import { batch, computed, signal } from "@preact/signals-core";
import type { Diff, Edge, Event, Journey, Message, Session, Vertex } from "../model";
import type { Connection } from "./stream";
import { data } from "./data";
import { Conversations } from "./conversation";
import { Hold } from "./hold";
import { announce } from "./announce";
import { receiveCapture } from "./capture";
import { nameOf } from "./text";

const KEEP_JOURNEYS = 2000;
const KEEP_EVENTS = 500;

export const connection = signal<Connection>({ state: "connecting" });
export const session = signal<Session | null>(data?.session ?? null);
export const vertices = signal<ReadonlyMap<string, Vertex>>(new Map());
export const edges = signal<ReadonlyMap<string, Edge>>(new Map());
export const journeys = signal<ReadonlyMap<string, Journey>>(new Map());
export const events = signal<readonly Event[]>([]);
/** Whether the first snapshot has arrived. */
export const ready = signal(false);
const told = new Conversations();
export const conversations = computed(() => told.of(journeys.value.values()));

/** Journeys that were seen here and are not kept any more. */
export const forgotten = signal(0);
/** Conversations that somebody looks at: theirs are forgotten last. */
export const pinned = signal<ReadonlySet<string>>(new Set());

/** Whether new journeys wait instead of being shown, and how many do. */
export const holding = signal(false);
export const waiting = signal({ count: 0, dropped: 0 });
const hold = new Hold(KEEP_JOURNEYS);

/** Shows what waited, and holds no longer; returns those that were kept. */
export function release(): Journey[] {
  return batch(() => {
    const { dropped } = hold;
    const held = hold.take();
    holding.value = false;
    waiting.value = { count: 0, dropped: 0 };
    forgotten.value += dropped;
    addJourneys(held);
    return held;
  });
}

/** Journeys that were just captured, for the map to fly. */
type Listener = (journeys: Journey[]) => void;
const listeners = new Set<Listener>();
export function onCaptured(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function receive(messages: Message[]): void {
  let captured: Journey[] = [];
  batch(() => {
    for (const m of messages) {
      if (m.snapshot) {
        const { graph } = m.snapshot;
        session.value = m.snapshot.session;
        vertices.value = new Map((graph.vertices ?? []).map((v) => [v.id, v]));
        edges.value = new Map((graph.edges ?? []).map((e) => [e.id, e]));
        events.value = m.snapshot.events ?? [];
        captured = [];
        renew(m.snapshot.journeys ?? []);
        ready.value = true;
      }
      if (m.topology) change(m.topology);
      if (m.journey) captured.push(m.journey);
      if (m.event) addEvent(m.event);
      receiveCapture(m);
      if (m.session) session.value = m.session;
    }
    if (!holding.peek()) addJourneys(captured);
    else if (captured.length > 0) wait(captured);
  });
  if (captured.length > 0 && !holding.peek()) for (const listener of listeners) listener(captured);
}

function change(diff: Diff): void {
  const next = new Map(vertices.value);
  for (const id of diff.remove ?? []) next.delete(id);
  for (const v of diff.put ?? []) {
    tellChange(next.get(v.id), v);
    next.set(v.id, v);
  }
  vertices.value = next;
  if (!diff.putEdges && !diff.removeEdges) return;
  const nextEdges = new Map(edges.value);
  for (const id of diff.removeEdges ?? []) nextEdges.delete(id);
  for (const e of diff.putEdges ?? []) nextEdges.set(e.id, e);
  edges.value = nextEdges;
}

// What a learner who does not see the map would want to hear.
function tellChange(old: Vertex | undefined, v: Vertex): void {
  if (v.kind === "Pod" && v.ready && !old?.ready) announce(`Pod ${nameOf(v.id)} is ready, ${v.ips?.[0] ?? "no address"}`);
  if (v.kind === "Service" && !old) announce(`Service ${nameOf(v.id)} has address ${v.ips?.[0] ?? "none"}`);
}

// A snapshot has all that the session keeps. Of what is held it only adds what is new.
function renew(all: Journey[]): void {
  if (!holding.peek()) {
    journeys.value = new Map(all.map((j) => [j.id, j]));
    return;
  }
  hold.take();
  wait(all.filter((j) => !journeys.peek().has(j.id)));
}

function wait(all: Journey[]): void {
  hold.add(all);
  waiting.value = { count: hold.count, dropped: hold.dropped };
}

// Once a frame, however many there are: the map is copied each time.
function addJourneys(all: readonly Journey[]): void {
  if (all.length === 0) return;
  const next = new Map(journeys.value);
  for (const j of all) next.set(j.id, j);
  let over = next.size - KEEP_JOURNEYS;
  forgotten.value += Math.max(0, over);
  // What is looked at goes last, unless it alone is half of everything.
  let spare = KEEP_JOURNEYS / 2;
  for (const [id, j] of next) {
    if (over <= 0) break;
    if (pinned.peek().has(j.conversation) && spare-- > 0) continue;
    next.delete(id);
    over--;
  }
  journeys.value = next;
}

function addEvent(e: Event): void {
  const same = (x: Event) =>
    x.reason === e.reason && x.message === e.message && x.object.kind === e.object.kind &&
    x.object.name === e.object.name && x.object.namespace === e.object.namespace;
  // An event that happens again replaces itself, as its count has risen.
  const kept = (e.count ?? 1) > 1 ? events.value.filter((x) => !same(x)) : events.value;
  events.value = [...kept, e].slice(-KEEP_EVENTS);
}
