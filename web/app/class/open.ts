// The ways into dialogs of the live page, which are later chunks.
import type { Member } from "../model";
import { isClosed } from "./store";

/** Sends something to some; to everybody if nobody is named. */
export function openPush(to: readonly Member[], kind = "message"): void {
  if (!isClosed.peek()) void import("./push").then((m) => m.open(to, kind));
}

export function openFreeze(): void {
  void import("./freeze").then((m) => m.open());
}

export function showCode(): void {
  void import("./bigcode").then((m) => m.open());
}

export function search(): void {
  void import("../parts/palette").then((m) => m.open());
}
