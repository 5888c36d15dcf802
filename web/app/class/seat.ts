// A member as they see themselves, and what they are sent: the stream of their own page and
// of their session's page. Only receive() changes it.
import { batch, signal } from "@preact/signals-core";
import type { MemberMessage, Membership, Notice } from "../model";
import { forTab } from "../state/keep";
import { follow, type Line } from "./line";
import { memberAPI } from "./paths";

export const you = signal<Membership | null>(null);
export const notices = signal<readonly Notice[]>([]);
export const line = signal<Line>({ state: "connecting" });

// Those of the last minutes are told again to a page that comes back: what was put away stays so.
const KEY = "podhop.notices";
const MOST = 200;
const away = new Set(readAway());

function readAway(): string[] {
  try {
    return JSON.parse(forTab.get(KEY) ?? "[]") as string[];
  } catch {
    return [];
  }
}

/** Called with each notice that is new to this tab. */
type Listener = (n: Notice) => void;
const listeners = new Set<Listener>();
export const onNotice = (l: Listener): void => void listeners.add(l);

export function receive(messages: readonly MemberMessage[]): void {
  const fresh: Notice[] = [];
  batch(() => {
    for (const m of messages) {
      if (m.you) you.value = m.you;
      const n = m.notice;
      if (!n || away.has(n.id) || notices.value.some((x) => x.id === n.id)) continue;
      notices.value = [...notices.value, n];
      fresh.push(n);
    }
  });
  for (const n of fresh) for (const l of listeners) l(n);
}

export function putAway(id: string): void {
  away.add(id);
  forTab.set(KEY, JSON.stringify([...away].slice(-MOST)));
  notices.value = notices.peek().filter((n) => n.id !== id);
}

export function followSeat(key: string): void {
  follow<MemberMessage>({ path: memberAPI(key), take: receive, tell: (l) => (line.value = l), gone: "You are no longer a member of this class." });
}
