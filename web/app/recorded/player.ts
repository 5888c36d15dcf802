// Where a recording is shown at, and what moves it: the page's state follows, as it
// would follow a session's stream.
import { batch, computed, effect, signal } from "@preact/signals-core";
import type { Journey, Recording } from "../model";
import { announce } from "../state/announce";
import { data } from "../state/data";
import { speed } from "../state/player";
import { conversationID, journeyID, showJourney } from "../state/selection";
import { receive } from "../state/store";
import { Tape } from "./tape";

export const tape = signal<Tape | null>(null);
/** The ID of the server's recording that is shown; empty for the reader's own file. */
export const keptID = signal(data?.recording?.id ?? "");
/** The place on the bar, in ms, and how many moments have been told. */
export const place = signal(0);
export const told = signal(0);
export const playing = signal(false);

/** The time that is shown, in ns since the epoch. */
export const time = computed(() => tape.value?.timeOf(place.value) ?? 0);

/** Shows a recording, from the moment on that the address names. */
export function load(recording: Recording, address = ""): void {
  const t = new Tape(recording);
  playing.value = false;
  tape.value = t;
  const wanted = new URLSearchParams(address.replace(/^#/, ""));
  const seconds = Number(wanted.get("t") ?? Number.NaN);
  const id = wanted.get("j") ?? "";
  const index = t.packets.find((i) => t.moments[i]!.message.journey!.id === id);
  if (Number.isFinite(seconds) && seconds >= 0) seek(t.placeOf(recording.from + seconds * 1e9));
  else if (index !== undefined) show(index + 1, t.at[index]!);
  else seek(0);
  if (index !== undefined && index < told.value) choose(t.moments[index]!.message.journey!);
}

/** Goes to a place on the bar. */
export function seek(x: number): void {
  const t = tape.value;
  if (!t) return;
  const to = Math.min(t.length, Math.max(0, x));
  show(t.told(to), to);
}

function show(count: number, x: number): void {
  batch(() => {
    receive(tape.value!.upTo(count));
    told.value = count;
    place.value = x;
  });
}

// Goes on to a place, so that the packets before it are flown.
function run(count: number, x: number): void {
  const from = told.value;
  batch(() => {
    told.value = count;
    place.value = x;
    if (count > from) receive(tape.value!.between(from, count));
  });
}

/** To the next packet (1) or the one before (-1). */
export function step(by: 1 | -1): void {
  const t = tape.value;
  if (!t) return;
  playing.value = false;
  const last = t.packets.findLastIndex((i) => i < told.value);
  const index = t.packets[by > 0 ? last + 1 : last - 1];
  if (index === undefined) {
    if (by > 0) announce("That was the last packet");
    else seek(0);
    return;
  }
  if (by > 0) run(index + 1, t.at[index]!);
  else show(index + 1, t.at[index]!);
  choose(t.moments[index]!.message.journey!);
}

function choose(j: Journey): void {
  batch(() => {
    conversationID.value = j.conversation;
    showJourney(j.id);
  });
}

export function toggle(): void {
  const t = tape.value;
  if (!t) return;
  if (!playing.value && place.value >= t.length) seek(0);
  playing.value = !playing.value;
}

let frame = 0;
let before = 0;

function tick(now: number): void {
  const t = tape.value;
  if (!t || !playing.value) return;
  // A tab that was hidden does not jump.
  const x = Math.min(t.length, place.value + Math.min(now - before, 250) * speed.value);
  before = now;
  run(Math.max(told.value, t.told(x)), x);
  if (x >= t.length) playing.value = false;
  else frame = requestAnimationFrame(tick);
}

effect(() => {
  cancelAnimationFrame(frame);
  if (!playing.value) return;
  before = performance.now();
  frame = requestAnimationFrame(tick);
});

/** The address of the moment that is shown, and of the packet that is looked at. */
export const address = computed(() => {
  const t = tape.value;
  if (!t) return "";
  const seconds = Math.max(0, (time.value - t.recording.from) / 1e9);
  const j = journeyID.value;
  const known = j !== null && t.packets.some((i) => i < told.value && t.moments[i]!.message.journey!.id === j);
  return `#t=${seconds.toFixed(6).replace(/\.?0+$/, "")}${known ? `&j=${encodeURIComponent(j)}` : ""}`;
});
