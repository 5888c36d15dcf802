// What the filter leaves: the list, the map's packets and paths, and the counts
// all show this and nothing else.
import { batch, computed, signal } from "@preact/signals-core";
import type { Conversation } from "./conversation";
import { calls } from "./calls";
import { data } from "./data";
import { format, parse, select, type Term, wants } from "./filter";
import { forTab } from "./keep";
import { conversations } from "./store";

const key = `podhop.filter.${data?.session?.id ?? ""}`;

function kept(): Term[] {
  try {
    return parse(forTab.get(key) ?? "");
  } catch {
    return []; // of an older page
  }
}

export const terms = signal<readonly Term[]>(kept());
/** What is being typed: it filters already, and is not kept. */
export const draft = signal<readonly Term[]>([]);
const all = computed(() => [...terms.value, ...draft.value]);
export const filtered = computed(() => all.value.length > 0);

const callsKey = `podhop.calls.${data?.session?.id ?? ""}`;
/** Whether calls of the API server are shown too: who works with kubectl makes many, and looks at something else. */
export const withCalls = signal(forTab.get(callsKey) === "yes");
export function showCalls(on: boolean): void {
  withCalls.value = on;
  forTab.set(callsKey, on ? "yes" : "");
}
const offered = computed(() => (withCalls.value || calls.value.size === 0 ? conversations.value : conversations.value.filter((c) => !calls.value.has(c.id))));
/** How many conversations are left out as calls, before the filter. */
export const apart = computed(() => conversations.value.length - offered.value.length);
/** Whether anything of what is captured is left out. */
export const sifted = computed(() => filtered.value || apart.value > 0);

// A busy list changes all the time, but most of its conversations do not.
const verdicts = computed(() => {
  void all.value;
  return new WeakMap<Conversation, boolean>();
});

export const shown = computed<readonly Conversation[]>(() => {
  const list = offered.value;
  const wanted = all.value;
  if (wanted.length === 0) return list;
  const known = verdicts.value;
  const single = (c: Conversation) => {
    const was = known.get(c);
    if (was !== undefined) return was;
    const now = wants(c.journeys, wanted);
    known.set(c, now);
    return now;
  };
  // What a proxy did is judged together; the rest, by far the most, one by one.
  const tied = new Set(list.flatMap((c) => (c.behalf === undefined ? [] : [c.behalf, c.id])));
  if (tied.size === 0) return list.filter(single);
  const together = new Set(select(list.filter((c) => tied.has(c.id)), wanted));
  return list.filter((c) => (tied.has(c.id) ? together.has(c) : single(c)));
});

export const hidden = computed(() => offered.value.length - shown.value.length);
export const shownIDs = computed(() => new Set(shown.value.map((c) => c.id)));

/** The conversation after one (1) or before (-1) in the list; the first if there is none. */
export function neighbour(id: string | null, by: number): Conversation | undefined {
  const at = shown.value.findIndex((c) => c.id === id);
  return at < 0 ? shown.value[0] : shown.value[at + by];
}

function set(next: readonly Term[]): void {
  batch(() => {
    terms.value = next;
    draft.value = [];
  });
  forTab.set(key, next.map(format).join(" "));
}

const same = (a: Term, b: Term) => format(a) === format(b);

export const addTerms = (more: readonly Term[]): void => set([...terms.value, ...more.filter((t) => !terms.value.some((x) => same(x, t)))]);
export const removeTerm = (t: Term): void => set(terms.value.filter((x) => !same(x, t)));
export const clearTerms = (): void => set([]);
export const onlyTerm = (t: Term): void => set([t]);
