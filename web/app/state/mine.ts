// The clusters that this browser has open, so that who closed it finds back. The server keeps
// no list of whose they are: an address is all that there is to know.
import { at } from "./base";
import { forLong } from "./keep";

const KEY = "podhop.mine";
const MOST = 8;

export interface Mine {
  title: string; // of the lesson, or Playground
  at: string; // the page's address on this server
  ends: number; // ms since the epoch
}

/** Those whose time is not over, the latest first, by their ID. */
export function mine(): [string, Mine][] {
  let all: Record<string, Mine>;
  try {
    all = JSON.parse(forLong.get(KEY) ?? "{}") as Record<string, Mine>;
  } catch {
    return [];
  }
  return Object.entries(all).filter(([, m]) => m.ends > Date.now() && String(m.at).startsWith(at("/s/"))).reverse().slice(0, MOST);
}

function keep(all: [string, Mine][]): void {
  forLong.set(KEY, JSON.stringify(Object.fromEntries(all.reverse())));
}

export function remember(id: string, m: Mine): void {
  keep([[id, m], ...mine().filter(([other]) => other !== id)]);
}

export function forget(id: string): void {
  keep(mine().filter(([other]) => other !== id));
}
