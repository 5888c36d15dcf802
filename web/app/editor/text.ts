// What stands in the editor, kept over reloads, and what the API said of it.
import { signal } from "@preact/signals-core";
import type { ApplyResult } from "../model";
import { announce } from "../state/announce";
import { apply, Problem } from "../state/api";
import { data, type Manifest } from "../state/data";
import { forLong } from "../state/keep";

const key = keyOf(data?.session?.id ?? "");
/** Where the text of a session's editor is kept. */
export function keyOf(session: string): string {
  return `podhop.editor.${session}`;
}

const LARGEST_KEPT = 200_000; // characters: the browser keeps a few megabytes for all pages together

export type Applied = { kind: "none" } | { kind: "applying" } | { kind: "problem"; text: string } | { kind: "results"; results: ApplyResult[]; stale: boolean };

export const text = signal(forLong.get(key) ?? "");
export const applied = signal<Applied>({ kind: "none" });

/** Asks the editor to show a text; it answers to every new object. */
export const loaded = signal<{ text: string } | null>(null);

export function load(m: Manifest): void {
  edit(m.text);
  loaded.value = { text: m.text };
  applied.value = { kind: "none" };
}

/** Puts a manifest behind what stands in the editor, of which nothing is lost. */
export function append(manifest: string): void {
  const before = text.value.trimEnd();
  load({ label: "", name: "", text: before ? `${before}\n---\n${manifest}` : manifest });
  announce("It is in the editor");
}

export function edit(now: string): void {
  text.value = now;
  if (applied.value.kind === "results" && !applied.value.stale) applied.value = { ...applied.value, stale: true };
  if (now.length <= LARGEST_KEPT) forLong.set(key, now);
}

export async function applyNow(): Promise<void> {
  if (applied.value.kind === "applying") return;
  applied.value = { kind: "applying" };
  try {
    const results = await apply(text.value);
    applied.value = { kind: "results", results, stale: false };
    const failed = results.filter((r) => r.errors?.length).length;
    announce(failed ? `${failed} of ${results.length} documents were not taken` : `Applied ${results.length}`);
  } catch (e) {
    applied.value = { kind: "problem", text: e instanceof Problem ? e.message : String(e) };
  }
}
