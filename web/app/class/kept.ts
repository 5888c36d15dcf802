// The classes that this browser knows the keys of: those that were made here, and those that
// were joined here. Whoever has such a key finds back by it, and needs no account.
import { forLong } from "../state/keep";

export interface Kept {
  key: string;
  title: string;
  until: string; // RFC 3339
  code?: string; // that it was joined by
  name?: string; // as the class sees them
}

type Kind = "class" | "seat";
const MOST = 12;
const LATER = 30 * 24 * 60 * 60_000; // ms that results are kept

const nameOf = (kind: Kind): string => `podhop.${kind}`;

/** The latest first. */
export function kept(kind: Kind): Kept[] {
  try {
    const all = JSON.parse(forLong.get(nameOf(kind)) ?? "[]") as Kept[];
    const now = Date.now();
    return all.filter((k) => typeof k.key === "string" && typeof k.title === "string" && Date.parse(k.until) + (kind === "class" ? LATER : 0) > now);
  } catch {
    return [];
  }
}

export function remember(kind: Kind, k: Kept): void {
  forLong.set(nameOf(kind), JSON.stringify([k, ...kept(kind).filter((x) => x.key !== k.key)].slice(0, MOST)));
}

export function forget(kind: Kind, key: string): void {
  forLong.set(nameOf(kind), JSON.stringify(kept(kind).filter((x) => x.key !== key)));
}
