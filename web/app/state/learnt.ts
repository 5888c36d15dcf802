// What of the lessons is done, as the browser keeps it and as a file: there is no account
// that it could belong to.
import { forLong } from "./keep";

const PREFIX = "podhop.done.";
const SLUG = /^[\w.-]{1,120}$/;
const MOST_STEPS = 500;

/** What is wrong with a file, in words for who opened it. */
export class BadProgress extends Error {}

/** The steps that are done, from 1, by the lesson's slug. */
export function learnt(): Map<string, number[]> {
  const all = new Map<string, number[]>();
  for (const [key, text] of forLong.all(PREFIX)) {
    try {
      all.set(key, steps(JSON.parse(text)));
    } catch {
      // Not ours, or damaged: it counts for nothing.
    }
  }
  return all;
}

function steps(value: unknown): number[] {
  if (!Array.isArray(value) || value.length > MOST_STEPS || !value.every((n) => Number.isInteger(n) && n >= 1 && n <= MOST_STEPS)) throw new BadProgress("steps");
  return [...new Set(value as number[])].sort((a, b) => a - b);
}

/** All of it as a file's text. */
export function exported(): string {
  return `${JSON.stringify({ podhop: "progress", version: 1, lessons: Object.fromEntries(learnt()) }, null, 2)}\n`;
}

/** Adds what a file says to what is known already. Says of how many lessons; fails with a BadProgress. */
export function imported(text: string): number {
  let file: { podhop?: unknown; version?: unknown; lessons?: unknown };
  try {
    file = JSON.parse(text) as typeof file;
  } catch {
    throw new BadProgress("This is no file of progress: it is not JSON.");
  }
  if (typeof file !== "object" || file === null || file.podhop !== "progress") throw new BadProgress("This is no file of progress.");
  if (file.version !== 1) throw new BadProgress("This file is of a newer Podhop than this one.");
  if (typeof file.lessons !== "object" || file.lessons === null) throw new BadProgress("This file names no lessons.");
  const found = Object.entries(file.lessons).map(([slug, value]) => {
    if (!SLUG.test(slug)) throw new BadProgress(`This file is damaged: "${slug.slice(0, 40)}" is no lesson's name.`);
    try {
      return [slug, steps(value)] as const;
    } catch {
      throw new BadProgress(`This file is damaged: ${slug} must have a list of steps.`);
    }
  });
  const before = learnt();
  for (const [slug, now] of found) forLong.set(PREFIX + slug, JSON.stringify(steps([...now, ...(before.get(slug) ?? [])])));
  return found.length;
}
