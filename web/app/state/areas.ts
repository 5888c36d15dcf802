// Where each tab is: in the left or right group under the map, or in the column beside
// it; which one is in front, how large the areas are, and which are folded. The panels
// stay where they are in the server's HTML: only their place in the page's grid changes.
import { computed, effect, signal } from "@preact/signals-core";
import { recorded } from "./data";
import { forLong, forTab } from "./keep";
import { narrow, sight } from "./sight";

export type Area = "left" | "right" | "side";
/** What can be folded. The groups under the map are folded together. */
export type Fold = "dock" | "side" | "lesson";
/** The edges that can be moved; sizes are px, of the split percent. */
export type Edge = "dock" | "split" | "side" | "lesson";
export type Tabs = Readonly<Record<Area, readonly string[]>>;

interface Kept {
  tabs: Tabs;
  folded: Fold[];
  sizes: Partial<Record<Edge, number>>;
}

const key = recorded ? "podhop.layout.recording" : "podhop.layout";

function first(): Kept {
  const tabs: Record<Area, string[]> = { left: [], right: [], side: [] };
  for (const p of panels()) tabs[(p.dataset.home as Area | undefined) ?? "left"].push(idOf(p));
  return { tabs, folded: [], sizes: {} };
}

export const panels = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("main .panels > [role=tabpanel]")];
const idOf = (panel: HTMLElement): string => panel.id.slice("panel-".length);

function read(): Kept {
  const now = first();
  try {
    const kept = JSON.parse(forLong.get(key) ?? "") as Partial<Kept>;
    return { tabs: settle(kept.tabs, now.tabs), folded: kept.folded ?? [], sizes: kept.sizes ?? {} };
  } catch {
    return now;
  }
}

// What was kept may be of a page with other tabs: those that are new are at home.
function settle(kept: Partial<Tabs> | undefined, home: Tabs): Tabs {
  const all = new Set(Object.values(home).flat());
  const out: Record<Area, string[]> = { left: [], right: [], side: [] };
  for (const area of ["left", "right", "side"] as const) {
    for (const id of kept?.[area] ?? []) if (all.delete(id)) out[area].push(id);
  }
  for (const id of all) out[areaIn(home, id)].push(id);
  return closeUp(out);
}

// A group on the right has one on its left.
const closeUp = (t: Tabs): Tabs => (t.left.length === 0 ? { ...t, left: t.right, right: [] } : t);
const areaIn = (t: Tabs, id: string): Area => (t.right.includes(id) ? "right" : t.side.includes(id) ? "side" : "left");

const kept = read();
export const tabs = signal<Tabs>(kept.tabs);
export const folded = signal<ReadonlySet<Fold>>(new Set(kept.folded));
export const sizes = signal(kept.sizes);
/** Whether the map has the whole page. */
export const whole = signal(false);
effect(() => forLong.set(key, JSON.stringify({ tabs: tabs.value, folded: [...folded.value], sizes: sizes.value } satisfies Kept)));

// Which tabs were brought up, the latest last: of each area, the latest is in front.
const raised = signal<readonly string[]>(readRaised());
effect(() => forTab.set("podhop.tabs", JSON.stringify(raised.value)));

function readRaised(): string[] {
  try {
    return JSON.parse(forTab.get("podhop.tabs") ?? "[]") as string[];
  } catch {
    return [];
  }
}

const start = recorded ? "journeys" : "editor";
/** The tab that was brought up last. */
export const tab = computed(() => raised.value.at(-1) ?? start);

function front(of: readonly string[]): string {
  return raised.value.findLast((id) => of.includes(id)) ?? (of.includes(start) ? start : (of[0] ?? ""));
}

/** The tabs under the map on a phone: all but the details, which are a view of their own. */
export const listed = computed(() => Object.values(tabs.value).flat().filter((id) => id !== "details"));

/** The tab in front in each area. */
export const fronts = computed<Record<Area, string>>(() => {
  const t = tabs.value;
  if (narrow.value) return { left: front(listed.value), right: "", side: "details" };
  return { left: front(t.left), right: front(t.right), side: front(t.side) };
});

export const areaOf = (id: string): Area => (narrow.value ? (id === "details" ? "side" : "left") : areaIn(tabs.value, id));
export const foldOf = (area: Area): Fold => (area === "side" ? "side" : "dock");

/** Whether a tab is in sight. */
export function isUp(id: string): boolean {
  const area = areaOf(id);
  if (fronts.value[area] !== id) return false;
  if (narrow.value) return sight.value === (id === "details" ? "details" : "dock");
  return !whole.value && !folded.value.has(foldOf(area));
}

/** Puts a tab in front of the others of its area, which stays folded if it is. */
export function lift(id: string): void {
  raised.value = [...raised.peek().filter((x) => x !== id), id];
}

/** Brings a tab to the front, wherever it is. */
export function raise(id: string): void {
  lift(id);
  if (narrow.peek()) {
    sight.value = id === "details" ? "details" : "dock";
    return;
  }
  whole.value = false;
  fold(foldOf(areaOf(id)), false);
}

export function fold(what: Fold, is: boolean): void {
  if (folded.peek().has(what) === is) return;
  const next = new Set(folded.peek());
  if (is) next.add(what);
  else next.delete(what);
  folded.value = next;
}

/** Puts a tab into an area, before the one that is there at that index; it comes to the front. */
export function move(id: string, to: Area, index = Infinity): void {
  const now = tabs.peek();
  const rest = (area: Area) => now[area].filter((x) => x !== id);
  const at = Math.min(index, rest(to).length);
  const next = { left: rest("left"), right: rest("right"), side: rest("side") };
  next[to].splice(at, 0, id);
  tabs.value = closeUp(next);
  raise(id);
}

/** Moves a tab among its neighbours. */
export function shift(id: string, by: number): void {
  const area = areaIn(tabs.peek(), id);
  const at = tabs.peek()[area].indexOf(id) + by;
  if (at >= 0 && at < tabs.peek()[area].length) move(id, area, at);
}

export function resize(edge: Edge, to: number | null): void {
  const next = { ...sizes.peek() };
  if (to === null) delete next[edge];
  else next[edge] = Math.round(to);
  sizes.value = next;
}

/** As it was at first. */
export function resetLayout(): void {
  const now = first();
  whole.value = false;
  tabs.value = now.tabs;
  folded.value = new Set();
  sizes.value = {};
}
