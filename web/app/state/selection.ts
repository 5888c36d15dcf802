// What the learner looks at: an object, or a packet of a conversation and one of
// its hops. The map, the lists and the inspector all show the same selection.
import { batch, computed, effect, signal } from "@preact/signals-core";
import { type Conversation, isDecided, requestOf } from "./conversation";
import { shown as listed, terms, withCalls } from "./shown";
import { conversations, journeys, pinned, vertices } from "./store";

export const view = signal<"journey" | "object">("journey");
export const objectID = signal<string | null>(null);
export const conversationID = signal<string | null>(null);
export const journeyID = signal<string | null>(null);
/** Index of the hop that is looked at, or -1. */
export const hop = signal(-1);

export const object = computed(() => (objectID.value ? vertices.value.get(objectID.value) : undefined));
export const conversation = computed(() => conversations.value.find((c) => c.id === conversationID.value));
/** The chosen conversation, with what a proxy made for it or it was made for. */
export const request = computed(() => (conversation.value ? requestOf(conversation.value, conversations.value) : []));
export const journey = computed(() => (journeyID.value ? journeys.value.get(journeyID.value) : undefined));

// What is looked at is not forgotten while it is.
effect(() => {
  pinned.value = new Set(request.value.map((c) => c.id));
});

/** Asks the map to let packets of before land: something new is about to be sent. */
export const landing = signal(0);

export function showObject(id: string): void {
  batch(() => {
    objectID.value = id;
    view.value = "object";
  });
}

export function showConversation(c: Conversation): void {
  batch(() => {
    conversationID.value = c.id;
    view.value = "journey";
    showJourney(c.journeys[0]?.id ?? null);
  });
}

export function showJourney(id: string | null): void {
  batch(() => {
    view.value = "journey";
    journeyID.value = id;
    const of = id ? journeys.value.get(id)?.conversation : undefined;
    if (of !== undefined) conversationID.value = of;
    const hops = (id && journeys.value.get(id)?.hops) || [];
    // The hop worth looking at first is the one where somebody decided something.
    const decided = hops.findIndex(isDecided);
    hop.value = hops.length === 0 ? -1 : Math.max(0, decided);
  });
}

export function showHop(index: number): void {
  const count = journey.value?.hops?.length ?? 0;
  if (count > 0) hop.value = Math.min(count - 1, Math.max(0, index));
}

export function closeJourney(): void {
  batch(() => {
    conversationID.value = null;
    journeyID.value = null;
    hop.value = -1;
  });
}

export function closeObject(): void {
  batch(() => {
    view.value = "journey";
    objectID.value = null;
  });
}

// The journeys of a request arrive on the stream, before or after its answer:
// show their conversation as soon as the first of them is here. A question to DNS,
// which comes first, gives way to what it was asked for.
const awaited = signal<readonly string[]>([]);
let shown = ""; // the conversation that was shown for what is awaited

export function awaitJourneys(ids: readonly string[]): void {
  shown = "";
  awaited.value = ids;
}

effect(() => {
  const ids = awaited.value;
  if (ids.length === 0) return;
  const found = conversations.value.filter((c) => c.journeys.some((j) => ids.includes(j.id)));
  const meant = found.findLast((c) => !c.dns && c.behalf === undefined) ?? found.find((c) => !c.dns) ?? found.at(-1);
  if (!meant) return;
  const all = new Set(journeys.value.keys());
  const done = !meant.dns || ids.every((id) => all.has(id));
  queueMicrotask(() => {
    if (awaited.peek() !== ids) return;
    const left = shown !== "" && conversationID.peek() !== shown; // for something else, since
    if (done || left) awaited.value = [];
    if (left || shown === meant.id) return;
    shown = meant.id;
    showConversation(meant);
  });
});

// Somebody who looks at nothing is shown the first traffic there is.
effect(() => {
  const newest = listed.value[0];
  if (newest && conversationID.peek() === null && awaited.peek().length === 0 && !dismissed) {
    queueMicrotask(() => {
      if (conversationID.peek() !== null) return;
      const looking = view.peek();
      showConversation(newest);
      view.value = looking;
    });
  }
});
let dismissed = false;
export function dismissJourney(): void {
  dismissed = true;
  closeJourney();
}

// A filter that hides what is looked at shows the first that it leaves instead.
effect(() => {
  void terms.value;
  void withCalls.value;
  const id = conversationID.peek();
  if (id === null || listed.peek().some((c) => c.id === id)) return;
  const looking = view.peek();
  queueMicrotask(() => {
    const next = listed.peek()[0];
    if (next) showConversation(next);
    else closeJourney();
    view.value = looking;
  });
});
