// How much of what passes is captured, and what did not come to this page.
import { signal } from "@preact/signals-core";
import type { Capture, Lost, Message } from "../model";
import { announce } from "./announce";

const all: Capture = { mode: "all" };
const said: Record<string, string> = {
  edges: "Too many packets: only the beginnings and ends of TCP connections are captured",
  samples: "Too many packets: only samples are captured, because other sessions need the server",
};

export const capture = signal<Capture>(all);
/** What was lost, by reason. */
export const lost = signal<ReadonlyMap<string, number>>(new Map());
/** The turn back to all that this page was told of and that the learner has read. */
export const read = signal(0);

export function receiveCapture(m: Message): void {
  if (m.snapshot) capture.value = m.snapshot.capture ?? all;
  if (m.capture) turn(m.capture);
  if (m.lost) lose(m.lost);
}

function turn(to: Capture): void {
  if (to.mode !== capture.value.mode) {
    announce(said[to.mode] ?? "All packets are captured again");
  }
  capture.value = to;
}

function lose(l: Lost): void {
  if (!lost.value.has(l.reason)) announce(`Not everything is shown here: ${l.reason}`);
  lost.value = new Map(lost.value).set(l.reason, (lost.value.get(l.reason) ?? 0) + l.count);
}
