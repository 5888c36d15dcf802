// The open files, above the editor.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import { toast } from "../state/toast";
import { close, current, type EditorFile, files, newFile, rename, show } from "./files";
import { load, refused } from "./text";

const renaming = signal(0);
const LARGEST = 3 << 20; // bytes: the API takes no more in one paste

export function tabsView(): TemplateResult {
  return html`<ul class="files" aria-label="Files">${files.value.map(fileView)}</ul>
    <button type="button" class="icon new-file" title="New file" aria-label="New file" @click=${() => (newFile(), focusEditor())}>+</button>
    <button type="button" class="icon more-files" title="Open, download, rename, close" aria-label="More of files" aria-haspopup="menu" @click=${menu}>⋯</button>`;
}

function fileView(f: EditorFile): TemplateResult {
  if (renaming.value === f.id)
    return html`<li class="on"><input class="rename" aria-label="Name of the file" .value=${f.name} @keydown=${(e: KeyboardEvent) => renameKey(e, f)} @blur=${(e: Event) => finish(f, (e.target as HTMLInputElement).value)}></li>`;
  const on = f.id === current.value.id;
  const bad = refused(f.id);
  return html`<li class=${on ? "on" : ""}>
    <button type="button" class="file" aria-current=${on ? "true" : "false"} @click=${() => show(f.id)} @dblclick=${() => begin(f)} @keydown=${(e: KeyboardEvent) => key(e, f)}
      title="F2 renames, Delete closes">${f.name}${bad > 0 ? html`<span class="bad"> ✗<span class="hidden">, not all of it was taken</span></span>` : nothing}</button>
    <button type="button" class="icon close-file" aria-label=${`Close ${f.name}`} @click=${() => closeFile(f)}>×</button></li>`;
}

function menu(e: Event): void {
  const from = e.currentTarget as HTMLElement;
  void import("./menu").then((m) => m.openMenu(from));
}

function key(e: KeyboardEvent, f: EditorFile): void {
  if (e.key === "F2") begin(f);
  else if (e.key === "Delete") closeFile(f);
  else return;
  e.preventDefault();
}

/** Lets its name be changed, in place. */
export function begin(f: EditorFile): void {
  renaming.value = f.id;
  const input = document.querySelector<HTMLInputElement>(".files .rename");
  const dot = f.name.lastIndexOf(".");
  input?.focus();
  input?.setSelectionRange(0, dot > 0 ? dot : f.name.length);
}

function renameKey(e: KeyboardEvent, f: EditorFile): void {
  if (e.key !== "Enter" && e.key !== "Escape") return;
  e.preventDefault();
  e.stopPropagation();
  finish(f, e.key === "Enter" ? (e.target as HTMLInputElement).value : "");
  focusFile();
}

function finish(f: EditorFile, name: string): void {
  if (renaming.peek() !== f.id) return;
  renaming.value = 0;
  rename(f.id, name);
}

export function closeFile(f: EditorFile): void {
  const now = files.peek().find((x) => x.id === f.id);
  const undo = close(f.id);
  if (now?.text.trim()) toast(`${now.name} was closed`, { undo: async () => undo() });
  else announce(`${f.name} was closed`);
  focusFile();
}

const focusFile = (): void => document.querySelector<HTMLElement>(".files [aria-current=true]")?.focus();

export const focusEditor = (): void => document.querySelector<HTMLElement>(".editor-text .cm-content, .editor-text textarea")?.focus();

/** Opens files of the reader's own machine. */
export async function openAll(list: readonly File[]): Promise<void> {
  for (const f of list) {
    if (f.size > LARGEST) toast(`${f.name} is too large: 3 MiB are taken`);
    else load({ label: "", name: f.name, text: await f.text() });
  }
}
