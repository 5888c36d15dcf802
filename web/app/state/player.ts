// The time that packets fly in: it can be stopped, and goes slower or faster than
// the clock on the wall. It knows nothing of where journeys come from: the live
// stream and a recording play by the same rules.
import { effect, signal } from "@preact/signals-core";
import type { Journey } from "../model";
import { forTab } from "./keep";

export const SPEEDS: readonly number[] = [0.1, 0.25, 0.5, 1, 2, 4];

/** A Clock counts milliseconds at a rate; at rate 0 it stands. */
export class Clock {
  readonly rate = signal(1);
  #rate = 1;
  #at = 0;
  #since: number;

  constructor(private readonly wall: () => number = () => performance.now()) {
    this.#since = wall();
  }

  now(): number {
    return this.#at + (this.wall() - this.#since) * this.#rate;
  }

  set(rate: number): void {
    if (rate === this.#rate) return;
    this.#at = this.now();
    this.#since = this.wall();
    this.#rate = rate;
    this.rate.value = rate;
  }
}

/** A Cue is when a packet sets off and how long it takes, in ms of the clock. */
export interface Cue {
  journey: Journey;
  at: number; // since the first of them set off
  takes: number;
}

const USUAL = 800; // ms that a packet takes which takes as long as most
const LONGEST = 20_000; // ms that all of it may take at speed 1
const LEAST = 350; // ms: anything shorter is not seen

/** Packets in their order, their spacing as it truly was, stretched so that the eye can follow. */
export function schedule(journeys: readonly Journey[]): Cue[] {
  const all = journeys.toSorted((a, b) => a.start - b.start);
  const first = all[0]?.start ?? 0;
  const span = (all.at(-1)?.start ?? 0) - first;
  const took = all.map((j) => j.duration).filter((d) => d > 0).sort((a, b) => a - b);
  const stretch = Math.min(USUAL / (took[took.length >> 1] ?? 1e5), span > 0 ? LONGEST / span : Infinity);
  return all.map((journey) => ({ journey, at: (journey.start - first) * stretch, takes: Math.min(LONGEST, Math.max(LEAST, journey.duration * stretch)) }));
}

/** The page's clock, and what sets it. */
export const clock = new Clock();
export const stopped = signal(false);
const kept = Number(forTab.get("podhop.speed"));
export const speed = signal(SPEEDS.includes(kept) ? kept : 1);
effect(() => {
  clock.set(stopped.value ? 0 : speed.value);
  forTab.set("podhop.speed", String(speed.value));
});

/** One speed up (1) or down (-1). */
export function changeSpeed(by: number): void {
  const at = SPEEDS.indexOf(speed.value) + by;
  speed.value = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at))]!;
}

export const speedText = (x: number): string => `${x}×`;

/** What the map is asked to fly, instead of what is in the air; a new list each time. */
export const program = signal<readonly Journey[]>([]);

export function play(journeys: readonly Journey[]): void {
  program.value = [...journeys];
  stopped.value = false;
}
