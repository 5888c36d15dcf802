// Where somebody is who waits for a session while the server is full, in words.
import type { Queued } from "../model";

/** How often the server is asked, in milliseconds. */
export const every = 3000;

const endings = new Map([["one", "st"], ["two", "nd"], ["few", "rd"], ["other", "th"]]);
const rules = new Intl.PluralRules("en", { type: "ordinal" });

export function place(q: Queued): string {
  return q.turn ? "It is your turn" : `You are ${q.place}${endings.get(rules.select(q.place))} of ${q.of}`;
}

export function latest(q: Queued): string {
  if (q.turn || !q.wait) return "";
  const minutes = Math.ceil(q.wait / 60);
  if (minutes <= 1) return "Your turn comes in a minute at the latest.";
  const in_ = minutes < 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
  return `Your turn comes in ${in_} at the latest, and sooner if somebody leaves.`;
}
