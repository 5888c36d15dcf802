// What the stream told so far, as signals. Only receive() changes the cluster's
// state; the parts change the selection alone.
import { batch, computed, signal } from "@preact/signals-core";
import type { Diff, Edge, Event, Journey, Message, Session, Vertex } from "../model";
import type { Connection } from "./stream";
import { data } from "./data";
import { conversationsOf } from "./conversation";
import { announce } from "./announce";
import { nameOf } from "./text";

const KEEP_JOURNEYS = 2000;
const KEEP_EVENTS = 500;

export const connection = signal<Connection>({ state: "connecting" });
export const session = signal<Session | null>(data?.session ?? null);
export const vertices = signal<ReadonlyMap<string, Vertex>>(new Map());
export const edges = signal<ReadonlyMap<string, Edge>>(new Map());
export const journeys = signal<ReadonlyMap<string, Journey>>(new Map());
export const events = signal<readonly Event[]>([]);
export const lost = signal<{ count: number; reason: string } | null>(null);
/** Whether the first snapshot has arrived. */
export const ready = signal(false);
export const conversations = computed(() => conversationsOf(journeys.value.values()));

/** Journeys that were just captured, for the map to fly. */
type Listener = (journeys: Journey[]) => void;
const listeners = new Set<Listener>();
export function onCaptured(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function receive(messages: Message[]): void {
  const captured: Journey[] = [];
  batch(() => {
    for (const m of messages) {
      if (m.snapshot) {
        const { graph } = m.snapshot;
        session.value = m.snapshot.session;
        vertices.value = new Map((graph.vertices ?? []).map((v) => [v.id, v]));
        edges.value = new Map((graph.edges ?? []).map((e) => [e.id, e]));
        journeys.value = new Map((m.snapshot.journeys ?? []).map((j) => [j.id, j]));
        events.value = m.snapshot.events ?? [];
        captured.length = 0;
        ready.value = true;
      }
      if (m.topology) change(m.topology);
      if (m.journey) {
        addJourney(m.journey);
        captured.push(m.journey);
      }
      if (m.event) addEvent(m.event);
      if (m.lost) lost.value = { count: (lost.value?.count ?? 0) + m.lost.count, reason: m.lost.reason };
      if (m.session) session.value = m.session;
    }
  });
  if (captured.length > 0) for (const listener of listeners) listener(captured);
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

function addJourney(j: Journey): void {
  const next = new Map(journeys.value);
  next.set(j.id, j);
  for (const id of next.keys()) {
    if (next.size <= KEEP_JOURNEYS) break;
    next.delete(id);
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
