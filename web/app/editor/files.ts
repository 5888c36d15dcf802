// The files of the editor, kept over reloads, by session.
import { batch, computed, signal } from "@preact/signals-core";
import { data, looking } from "../state/data";
import { forLong } from "../state/keep";

export interface EditorFile {
  id: number; // of this page only
  name: string;
  text: string;
}

/** Where the files of a session are kept. A text that is no list of files is one file. */
export function keyOf(session: string): string {
  return `podhop.editor.${session}`;
}

const key = keyOf(data?.session?.id ?? "");
const LARGEST_KEPT = 200_000; // characters of a file: the browser keeps a few megabytes for all pages together
const NAME = "manifest.yaml";

let last = 0;
const make = (name: string, text: string): EditorFile => ({ id: ++last, name, text });

function read(): { files: EditorFile[]; current: number } {
  const kept = forLong.get(key) ?? "";
  if (kept.startsWith('{"files":')) {
    try {
      const k = JSON.parse(kept) as { files: { name: string; text: string }[]; current: number };
      const files = k.files.map((f) => make(String(f.name), String(f.text)));
      if (files.length > 0) return { files, current: files[k.current]?.id ?? files[0]!.id };
    } catch {
      // A manifest that begins so, after all.
    }
  }
  const file = make(NAME, kept);
  return { files: [file], current: file.id };
}

const begin = read();
export const files = signal<readonly EditorFile[]>(begin.files);
export const currentID = signal(begin.current);
export const current = computed(() => files.value.find((f) => f.id === currentID.value) ?? files.value[0]!);

let waiting = 0;
function keep(): void {
  clearTimeout(waiting);
  waiting = window.setTimeout(keepNow, 300);
}

function keepNow(): void {
  clearTimeout(waiting);
  if (looking) return; // it is somebody else's
  const all = files.peek().filter((f) => f.text.length <= LARGEST_KEPT);
  forLong.set(key, JSON.stringify({ files: all.map(({ name, text }) => ({ name, text })), current: Math.max(0, all.findIndex((f) => f.id === currentID.peek())) }));
}
addEventListener("pagehide", () => waiting && keepNow());

export function show(id: number): void {
  currentID.value = id;
  keep();
}

export function setText(id: number, text: string): void {
  if (files.peek().some((f) => f.id === id && f.text !== text)) put(id, { text });
}

function put(id: number, change: Partial<EditorFile>): void {
  files.value = files.value.map((f) => (f.id === id ? { ...f, ...change } : f));
  keep();
}

/** A name that no other file has: pod.yaml, pod-2.yaml. */
export function freeName(name: string, except = 0): string {
  const taken = new Set(files.peek().filter((f) => f.id !== except).map((f) => f.name));
  const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name.slice(0, dot)}-${n}${name.slice(dot)}`;
  return free;
}

/** Opens a file, and shows it. One that is open, of that name, gets the text instead; so does an empty one that nobody named. */
export function openFile(name: string, text: string): EditorFile {
  const all = files.peek();
  const same = all.find((f) => f.name === name) ?? all.find((f) => f.text.trim() === "" && /^manifest(-\d+)?\.yaml$/.test(f.name));
  batch(() => {
    if (same) put(same.id, { name, text });
    else files.value = [...all, make(name, text)];
    show(same?.id ?? last);
  });
  return current.peek();
}

export function newFile(): void {
  batch(() => {
    files.value = [...files.value, make(freeName(NAME), "")];
    show(last);
  });
}

export function rename(id: number, name: string): void {
  const wanted = name.trim().replace(/[\\/]/g, "-").slice(0, 80);
  if (wanted) put(id, { name: freeName(wanted, id) });
}

/** Closes a file, and returns what brings it back. There is always one. */
export function close(id: number): () => void {
  const all = files.peek();
  const at = all.findIndex((f) => f.id === id);
  const file = all[at]!;
  const was = currentID.peek();
  batch(() => {
    const left = all.filter((f) => f.id !== id);
    files.value = left.length > 0 ? left : [make(NAME, "")];
    if (was === id) show(files.value[Math.min(at, files.value.length - 1)]!.id);
    keep();
  });
  return () =>
    batch(() => {
      const now = files.peek().filter((f) => all.includes(f) || f.text !== "");
      files.value = [...now.slice(0, at), file, ...now.slice(at)];
      show(id);
    });
}
