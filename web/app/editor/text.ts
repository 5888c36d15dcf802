// The text of the file that is shown, and what the API said of each file.
import { batch, computed, signal } from "@preact/signals-core";
import type { ApplyResult } from "../model";
import { announce } from "../state/announce";
import { apply, Problem } from "../state/api";
import type { Manifest } from "../state/data";
import { toast } from "../state/toast";
import { current, currentID, files, openFile, setText } from "./files";

export { keyOf } from "./files";

export type Applied = { kind: "none" } | { kind: "applying" } | { kind: "problem"; text: string } | { kind: "results"; results: ApplyResult[]; stale: boolean };

const none: Applied = { kind: "none" };

export const text = computed(() => current.value.text);

/** What the API said of each file, by its id. */
export const answers = signal<ReadonlyMap<number, Applied>>(new Map());
export const applied = computed<Applied>(() => answers.value.get(current.value.id) ?? none);

/** Asks the editor to show a text; it answers to every new object. */
export const loaded = signal<{ file: number; text: string } | null>(null);

/** Where the selection begins, and where the cursor is. */
export const cursor = signal<readonly [number, number]>([0, 0]);

/** What is wrong with the file that is shown, as far as it was tried since it changed. */
export const tried = signal<{ errors: number; warnings: number; unchecked: number } | null>(null);

function answer(file: number, a: Applied): void {
  answers.value = new Map(answers.value).set(file, a);
}

/** Opens a manifest as a file of its name. What an open one of that name had is offered back. */
export function load(m: Manifest): void {
  const before = files.peek().find((f) => f.name === m.name && f.text !== m.text && f.text.trim() !== "");
  put(m);
  if (before) toast(`${before.name} was replaced`, { undo: async () => put({ ...m, text: before.text }) });
}

function put(m: Manifest): void {
  batch(() => {
    const file = openFile(m.name || current.peek().name, m.text);
    loaded.value = { file: file.id, text: m.text };
    answer(file.id, none);
  });
}

/** Puts a manifest behind what stands in the editor, of which nothing is lost. */
export function append(manifest: string): void {
  const before = text.value.trimEnd();
  load({ label: "", name: "", text: before ? `${before}\n---\n${manifest}` : manifest });
  announce("It is in the editor");
}

export function edit(now: string): void {
  const { id } = current.peek();
  batch(() => {
    setText(id, now);
    const a = answers.value.get(id);
    if (a?.kind === "results" && !a.stale) answer(id, { ...a, stale: true });
  });
}

export async function applyNow(): Promise<void> {
  const failed = await applyFile(currentID.peek());
  if (failed) announce(failed);
}

/** Applies all files, one after the other, in their order. */
export async function applyAll(): Promise<void> {
  const said: string[] = [];
  for (const f of files.peek().filter((x) => x.text.trim() !== "")) said.push(`${f.name}: ${await applyFile(f.id)}`);
  announce(said.join(". "));
}

// Says what became of it.
async function applyFile(id: number): Promise<string> {
  const file = files.peek().find((f) => f.id === id);
  if (!file || answers.value.get(id)?.kind === "applying") return "";
  answer(id, { kind: "applying" });
  try {
    const results = await apply(file.text);
    const now = files.peek().find((f) => f.id === id)?.text;
    answer(id, { kind: "results", results, stale: now !== file.text });
    const failed = results.filter((r) => r.errors?.length).length;
    return failed ? `${failed} of ${results.length} documents were not taken` : `Applied ${results.length}`;
  } catch (e) {
    const why = e instanceof Problem ? e.message : String(e);
    answer(id, { kind: "problem", text: why });
    return why;
  }
}

/** How many documents of a file were not taken, when it was last applied. */
export function refused(id: number): number {
  const a = answers.value.get(id);
  if (a?.kind === "problem") return 1;
  return a?.kind === "results" ? a.results.filter((r) => r.errors?.length).length : 0;
}
