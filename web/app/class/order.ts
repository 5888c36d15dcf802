// Who comes first among a class's people, and who is meant by a filter. Pure.
import type { Member } from "../model";

export type Sort = "stuck" | "name" | "least" | "most";
export const SORTS: readonly [Sort, string][] = [["stuck", "Who is stuck"], ["name", "Name"], ["least", "Least done"], ["most", "Most done"]];

export type Only = "all" | "help" | "failing" | "online" | "offline";
export const ONLY: readonly [Only, string][] = [["all", "Everybody"], ["help", "Need help"], ["failing", "A check fails"], ["online", "Online"], ["offline", "Offline"]];

export interface Filter {
  text: string; // part of a name
  only: Only;
  /** Where they are; null: anywhere. No lesson is an empty one. */
  at: { lesson: string; step: number } | null;
}

const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** ms since the epoch; what is not known is now. */
const time = (text: string | undefined): number => (text ? Date.parse(text) : Infinity);

export const isFailing = (m: Member): boolean => (m.failing?.length ?? 0) > 0;

/** How many steps of all lessons are done. */
export const doneOf = (m: Member): number => Object.values(m.done ?? {}).reduce((a, b) => a + b, 0);

// Who asks comes first; then who is on a step whose checks fail; then who only sits there;
// and those who are not there come last.
function urgency(m: Member): number {
  if (m.help) return 0;
  if (!m.online) return 3;
  return isFailing(m) ? 1 : 2;
}

function stuck(a: Member, b: Member): number {
  const way = urgency(a) - urgency(b);
  if (way !== 0) return way;
  const since = (m: Member): number => [time(m.help?.since), time(m.stepSince), time(m.idleSince), -time(m.lastSeen)][urgency(m)]!;
  const [x, y] = [since(a), since(b)];
  return x === y ? 0 : x - y;
}

const by: Record<Sort, (a: Member, b: Member) => number> = {
  stuck,
  name: () => 0,
  least: (a, b) => doneOf(a) - doneOf(b),
  most: (a, b) => doneOf(b) - doneOf(a),
};

export function inOrder(all: Iterable<Member>, sort: Sort): Member[] {
  return [...all].sort((a, b) => by[sort](a, b) || names.compare(a.name, b.name) || (a.id < b.id ? -1 : 1));
}

export function isMeant(m: Member, f: Filter): boolean {
  if (f.text && !m.name.toLowerCase().includes(f.text.trim().toLowerCase())) return false;
  if (f.at && ((m.lesson ?? "") !== f.at.lesson || (m.step ?? 0) !== f.at.step)) return false;
  return { all: true, help: Boolean(m.help), failing: isFailing(m), online: m.online, offline: !m.online }[f.only];
}

/**
 * The order as it stays while somebody reads: those who are known where they were, and
 * those who are new behind them.
 */
export function kept(before: readonly string[], wanted: readonly string[]): string[] {
  const left = new Set(wanted);
  const stay = before.filter((id) => left.delete(id));
  return [...stay, ...wanted.filter((id) => left.has(id))];
}
