// Which steps of the lesson are done. A step is done once all its checks have passed
// together, and stays done, whatever becomes of the cluster later; kept by the browser.
import { signal } from "@preact/signals-core";
import type { CheckResult } from "../model";
import { Problem, check } from "./api";
import { announce } from "./announce";
import { data, looking } from "./data";
import { forLong, forTab } from "./keep";

const lesson = data?.lesson;
const key = `podhop.done.${lesson?.slug ?? ""}`;

function read(): number[] {
  try {
    return JSON.parse(forLong.get(key) ?? "[]") as number[];
  } catch {
    return [];
  }
}

/** The steps that are done, from 1. */
export const done = signal<ReadonlySet<number>>(new Set(read()));
/** What the checks of each step last said, by the check's number. */
export const results = signal<ReadonlyMap<number, ReadonlyMap<number, CheckResult>>>(new Map());
/** Why the checks of the step on view could not be run. */
export const trouble = signal("");

/** Which checks are run: those that only look, also those by scripts, or all. */
export const QUIET = 0, SCRIPTS = 1, ALL = 2;
const KINDS = [["object", "trace"], ["object", "trace", "script"], undefined];

const begunKey = `podhop.begun.${data?.session?.id ?? ""}`;
let begun = readBegun();

function readBegun(): { step: number; at: number } {
  try {
    return JSON.parse(forTab.get(begunKey) ?? "") as { step: number; at: number };
  } catch {
    return { step: 0, at: 0 };
  }
}

/** The step is on view from now on: what was sent before does not count for it. A reload changes nothing. */
export function begin(step: number): void {
  if (begun.step === step) return;
  begun = { step, at: Date.now() };
  forTab.set(begunKey, JSON.stringify(begun));
}

// How long ago, because the server's clock may be another.
function since(step: number): string {
  return `${begun.step === step ? Math.max(0, Date.now() - begun.at) : 0}ms`;
}

let running = false;
let again: number | null = null;

/** Runs the checks of a step: QUIET, SCRIPTS or ALL. Asked while it runs, it runs once more. */
export async function run(step: number, which: number): Promise<void> {
  if (looking) return;
  if (running) {
    again = Math.max(again ?? QUIET, which);
    return;
  }
  running = true;
  try {
    take(step, await check({ lesson: lesson?.slug ?? "", step, kinds: KINDS[which], since: since(step) }));
    trouble.value = "";
  } catch (error) {
    trouble.value = error instanceof Problem ? error.message : "The checks could not be run.";
  } finally {
    running = false;
  }
  if (again === null) return;
  const next = again;
  again = null;
  await run(step, next);
}

function take(step: number, found: CheckResult[]): void {
  const now = new Map(results.value.get(step));
  for (const r of found) now.set(r.check, r);
  results.value = new Map(results.value).set(step, now);
  const all = lesson?.steps[step - 1]?.checks ?? 0;
  if (done.value.has(step) || now.size < all || ![...now.values()].every((r) => r.passed)) return;
  done.value = new Set(done.value).add(step);
  forLong.set(key, JSON.stringify([...done.value].sort((a, b) => a - b)));
  announce(`Step ${step} is done`);
}
