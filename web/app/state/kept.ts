// The recordings that this browser shared: it holds the keys that remove them.
import { signal } from "@preact/signals-core";
import type { KeptRecording } from "../model";
import { forLong } from "./keep";

const MOST = 50;
const name = "podhop.recordings";

function read(): [string, string][] {
  try {
    const all = JSON.parse(forLong.get(name) ?? "[]") as unknown;
    return Array.isArray(all) ? (all as [string, string][]) : [];
  } catch {
    return [];
  }
}

/** IDs of recordings, and their keys, oldest first. */
const kept = signal(read());

export function remember(k: KeptRecording): void {
  write([...kept.value, [k.id, k.key] as [string, string]].slice(-MOST));
}

export function forget(id: string): void {
  write(kept.value.filter(([x]) => x !== id));
}

export function keyOf(id: string): string | undefined {
  return kept.value.find(([x]) => x === id)?.[1];
}

function write(all: [string, string][]): void {
  kept.value = all;
  forLong.set(name, JSON.stringify(all));
}
