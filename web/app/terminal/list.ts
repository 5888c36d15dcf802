// The session's terminals, as the server has them: they outlast this page. Which one is
// in front is this page's own.
import { computed, effect, signal } from "@preact/signals-core";
import type { NewTerminal, Terminal } from "../model";
import { ask, json, Problem } from "../state/api";
import { looking } from "../state/data";
import { forTab } from "../state/keep";

/** Why something cannot be done by who looks on. */
export const LOOKS = "You look on: only whose session it is can do this. Make it yours, and do it there.";

/** Null until the server was asked for the first time. */
export const terminals = signal<readonly Terminal[] | null>(null);
export const chosen = signal(forTab.get("podhop.terminal") ?? "");
/** Why what was asked for did not happen. */
export const refused = signal("");

effect(() => forTab.set("podhop.terminal", chosen.value));

/** How large the terminal in front is, to who looks on as well. */
export const size = signal<{ columns: number; rows: number } | null>(null);

/** The terminal in front. */
export const current = computed(() => terminals.value?.find((t) => t.id === chosen.value) ?? terminals.value?.at(-1));

const listed = async () => (JSON.parse(await ask("GET", "/terminals")) as Terminal[] | null) ?? [];

/** Asks the server which there are; the answer says whether the session is there, null if nobody answers. */
export async function look(): Promise<boolean | null> {
  try {
    terminals.value = await listed();
    refused.value = "";
    return true;
  } catch (problem) {
    if (terminals.value === null) refused.value = said(problem);
    return gone(problem) ? false : null;
  }
}

// What an ID begins with is the same for all terminals of one server's session, and another when the
// session was opened anew.
const life = (t: Terminal): string => t.id.replace(/\d+$/, "");

/** Whether a terminal is still there, null if nobody answers; "lost" if it ended with its server, and
 *  the session goes on at another. */
export async function still(t: Terminal): Promise<boolean | "lost" | null> {
  try {
    const all = await listed();
    if (all.some((x) => x.id === t.id)) return true;
    if (!looking && !all.some((x) => life(x) === life(t))) return "lost";
    terminals.value = all;
    return false;
  } catch (problem) {
    return gone(problem) ? false : null;
  }
}

/** One in the place of one that is lost: another page's that did the same, or a new one. */
export async function instead(of: Terminal): Promise<Terminal> {
  const mine = terminals.peek() ?? [];
  const another = (await listed()).find((t) => t.place === of.place && !t.ended && !mine.some((m) => m.id === t.id));
  return another ?? (JSON.parse(await ask("POST", "/terminals", json({ place: of.place } satisfies NewTerminal))) as Terminal);
}

/** Opens one and brings it to the front. */
export async function open(place: string): Promise<Terminal | null> {
  refused.value = looking ? LOOKS : "";
  if (looking) return null;
  try {
    const t = JSON.parse(await ask("POST", "/terminals", json({ place } satisfies NewTerminal))) as Terminal;
    terminals.value = [...(terminals.value ?? []), t];
    chosen.value = t.id;
    return t;
  } catch (problem) {
    refused.value = said(problem);
    return null;
  }
}

/** Ends a terminal and what runs in it; its neighbour comes to the front. */
export async function close(id: string): Promise<void> {
  const all = terminals.value ?? [];
  const at = all.findIndex((t) => t.id === id);
  refused.value = "";
  try {
    await ask("DELETE", `/terminals/${encodeURIComponent(id)}`);
  } catch (problem) {
    // One that is gone already is closed as well.
    if (!(problem instanceof Problem && problem.status === 404)) {
      refused.value = said(problem);
      return;
    }
  }
  const rest = (terminals.value ?? []).filter((t) => t.id !== id);
  if (current.peek()?.id === id) chosen.value = rest[Math.min(Math.max(0, at), rest.length - 1)]?.id ?? "";
  terminals.value = rest;
}

/** Notes that a terminal's program is over. */
export function over(id: string, code: number): void {
  terminals.value = (terminals.value ?? []).map((t) => (t.id === id ? { ...t, ended: true, code } : t));
}

/** What a terminal is called: its place, and a number where there are several. */
export function nameOf(t: Terminal): string {
  const same = (terminals.value ?? []).filter((x) => short(x.place) === short(t.place));
  const n = same.findIndex((x) => x.id === t.id);
  return n > 0 ? `${short(t.place)} ${n + 1}` : short(t.place);
}

/** In full, for who points at it. */
export function placeOf(t: Terminal): string {
  const [kind, ...rest] = t.place.split("/");
  if (kind === "pod") return `Pod ${rest[1]} of namespace ${rest[0]}${rest[2] ? `, container ${rest[2]}` : ""}`;
  return kind === "node" ? `Node ${rest[0]}` : "Your own machine, outside of the cluster";
}

function short(place: string): string {
  const [kind, ...rest] = place.split("/");
  return (kind === "pod" ? rest[1] : rest[0]) ?? place;
}

const gone = (problem: unknown) => problem instanceof Problem && (problem.status === 404 || problem.status === 410);
const said = (problem: unknown) => (problem instanceof Error ? problem.message : String(problem));
