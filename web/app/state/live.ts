// Live or held: while journeys are held, those that arrive are counted, and the
// map and the lists stand still.
import { batch, signal } from "@preact/signals-core";
import type { Journey } from "../model";
import { announce } from "./announce";
import { play, stopped } from "./player";
import { request } from "./selection";
import { holding, release, waiting } from "./store";
import { plural } from "./text";

/** As many as fly at once. */
export const MOST_FLYING = 300;

/** How many packets were not flown lately, because so many were in the air. */
export const unflown = signal(0);

export function pause(): void {
  batch(() => {
    holding.value = true;
    stopped.value = true;
  });
  announce("Paused");
}

/** Jumps to now: what was held is in the lists, and what hangs in the air goes on. */
export function resume(): void {
  const { count } = waiting.peek();
  go();
  announce(count > 0 ? `Live again, ${plural(count, "new packet")}` : "Live again");
}

/** Catches up: flies what was held, in its order, and is live again. */
export function catchUp(): void {
  const held = go();
  play(held.slice(-MOST_FLYING));
  announce(`Playing ${plural(Math.min(held.length, MOST_FLYING), "packet")}`);
}

function go(): Journey[] {
  return batch(() => {
    stopped.value = false;
    return release();
  });
}

export function toggle(): void {
  if (stopped.value) resume();
  else if (holding.value) stopped.value = true; // something is played again while the rest is held
  else pause();
}

/** Plays the chosen request again. What is held stays so. */
export function playAgain(): void {
  play(request.value.flatMap((c) => c.journeys));
}

/** Nothing is in the air any more: a page that is held stands still again. */
export function landed(): void {
  unflown.value = 0;
  if (holding.peek()) stopped.value = true;
}
