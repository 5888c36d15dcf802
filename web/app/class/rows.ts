// Which rows the list of people has, and in which order. Rows do not move while somebody is at
// them: what would be in another place by now is said, and one press away.
import { computed, effect, signal, untracked } from "@preact/signals-core";
import type { Member } from "../model";
import { forTab } from "../state/keep";
import { type Filter, inOrder, isMeant, kept, type Sort, SORTS } from "./order";
import { members, ready } from "./store";

const SETTLE = 10_000; // ms between sortings that nobody asked for

const was = forTab.get("podhop.class.sort");
export const sort = signal<Sort>(SORTS.some(([s]) => s === was) ? (was as Sort) : "stuck");
effect(() => forTab.set("podhop.class.sort", sort.value));

export const filter = signal<Filter>({ text: "", only: "all", at: null });
export const filtered = computed(() => filter.value.text !== "" || filter.value.only !== "all" || filter.value.at !== null);

/** Whether somebody is at the list, with the pointer or the keyboard. */
export const busy = signal(false);

const wanted = computed(() => inOrder([...members.value.values()].filter((m) => isMeant(m, filter.value)), sort.value).map((m) => m.id));
const order = signal<readonly string[]>([]);

/** The rows as they are shown. */
export const rows = computed<Member[]>(() => order.value.flatMap((id) => members.value.get(id) ?? []));
/** Whether sorting anew would move something. */
export const stale = computed(() => wanted.value.length === order.value.length && wanted.value.some((id, i) => id !== order.value[i]));

export function sortAgain(): void {
  order.value = wanted.peek();
}

effect(() => {
  void [sort.value, filter.value, ready.value];
  untracked(sortAgain);
});
effect(() => {
  const next = kept(untracked(() => order.value), wanted.value);
  order.value = next;
});
setInterval(() => {
  if (!busy.peek() && !document.hidden) sortAgain();
}, SETTLE);

/** Those who were chosen, by their IDs; what is done to several is done to them. */
const picked = signal<ReadonlySet<string>>(new Set());
export const chosen = computed<Member[]>(() => [...picked.value].flatMap((id) => members.value.get(id) ?? []));
export const isChosen = (id: string): boolean => picked.value.has(id);

export function choose(ids: readonly string[], on: boolean): void {
  const next = new Set(picked.value);
  for (const id of ids) {
    if (on) next.add(id);
    else next.delete(id);
  }
  picked.value = next;
}

export const chooseNone = (): void => void (picked.value = new Set());
