// How the pages of classes say things.
import type { Member } from "../model";
import { plural } from "../state/text";
import { lessonOf } from "./given";

/** How long ago: "1 min", "2 h 5 min"; empty if less than a minute. */
export function since(time: string | undefined, now: number): string {
  const minutes = Math.floor((now - Date.parse(time ?? "")) / 60_000);
  if (!(minutes >= 1)) return "";
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours === 0 ? `${minutes} min` : `${hours} h${minutes % 60 ? ` ${minutes % 60} min` : ""}`;
}

/** A moment: the time of the day, with the day if that is another. */
export function moment(time: string): string {
  const at = new Date(time);
  const clock = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
  if (at.toDateString() === new Date().toDateString()) return clock;
  return `${at.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" })}, ${clock}`;
}

export function lessonTitle(m: Member): string {
  if (m.lesson) return lessonOf(m.lesson)?.title ?? m.lesson;
  return m.session ? "Playground" : "";
}

/** Where they are, and how far. */
export function stepText(m: Member): string {
  return m.step && m.steps ? `step ${m.step} of ${m.steps}` : "";
}

/** Whom something is for. */
export function whom(to: readonly Member[], all: number): string {
  if (to.length === 0) return all === 1 ? "the one member" : `all ${all} people`;
  if (to.length <= 3) return to.map((m) => m.name).join(", ").replace(/, ([^,]*)$/, " and $1");
  return plural(to.length, "person", "people");
}
