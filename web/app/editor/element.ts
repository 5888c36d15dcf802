// <manifest-editor>: files, samples, the text, Apply, and the API's answer. A plain
// textarea works until CodeMirror, a later chunk, has come.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { ApplyResult } from "../model";
import { data } from "../state/data";
import { showObject } from "../state/selection";
import { vertices } from "../state/store";
import { idOf, nameOf, plural } from "../state/text";
import { current, files } from "./files";
import { openAll, tabsView } from "./tabs";
import { applied, applyAll, applyNow, edit, load, text, tried } from "./text";

const mac = navigator.platform.startsWith("Mac");
let view: import("./codemirror").Editor | null = null;
const comparing = signal(false);

class ManifestEditor extends HTMLElement {
  connectedCallback(): void {
    render(html`<div class="file-tabs"></div><div class="editor-bar"></div><div class="editor-text"><textarea aria-label="Manifests, as YAML" spellcheck="false" placeholder="Paste manifests here, or load one above"></textarea></div><div class="results" role="status"></div><div class="editor-foot"></div>`, this);
    const [tabs, bar, box, results, foot] = [".file-tabs", ".editor-bar", ".editor-text", ".results", ".editor-foot"].map((s) => this.querySelector<HTMLElement>(s)!) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
    const area = box.querySelector("textarea")!;
    area.addEventListener("input", () => edit(area.value));
    area.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        void applyNow();
      }
    });
    effect(() => {
      if (area.value !== text.value) area.value = text.value;
    });
    effect(() => void render(tabsView(), tabs));
    effect(() => void render(barView(), bar));
    effect(() => void render(resultsView(), results));
    effect(() => void render(footView(), foot));
    this.addEventListener("dragover", dragged, { capture: true });
    this.addEventListener("drop", dropped, { capture: true });
    void import("./codemirror").then((m) => {
      const focused = document.activeElement === area;
      view = m.mount(box);
      area.remove();
      if (focused) box.querySelector<HTMLElement>(".cm-content")?.focus();
    });
  }
}

// Before CodeMirror puts the files' text where they were dropped.
function dragged(e: DragEvent): void {
  if (e.dataTransfer?.types.includes("Files")) e.preventDefault();
}

function dropped(e: DragEvent): void {
  const list = [...(e.dataTransfer?.files ?? [])];
  if (list.length === 0) return;
  e.preventDefault();
  e.stopPropagation();
  void openAll(list);
}

function barView(): TemplateResult {
  const busy = applied.value.kind === "applying";
  const several = files.value.filter((f) => f.text.trim() !== "").length > 1;
  return html`<div class="samples" role="group" aria-label="Load a manifest">
      ${data?.samples.map((s) => html`<button type="button" class="quiet" @click=${() => load(s)}>${s.label}</button>`)}</div>
    <div class="editor-do">
    <button type="button" class="quiet compare" ?disabled=${text.value.trim() === "" || comparing.value} title="What would change, before it does" @click=${() => void compare()}>${comparing.value ? "Comparing" : "Compare"}</button>
    ${several ? html`<button type="button" class="quiet apply-all" ?disabled=${busy} @click=${() => void applyAll()}>Apply all</button>` : nothing}
    <button type="button" class="primary apply" ?disabled=${busy} @click=${() => void applyNow()} title=${`${mac ? "Cmd" : "Ctrl"} and Enter`}>
      ${busy ? "Applying" : "Apply"}<kbd aria-hidden="true">${mac ? "⌘" : "Ctrl"} ⏎</kbd></button></div>`;
}

/** Shows what applying the file that is shown would change. */
export async function compare(): Promise<void> {
  comparing.value = true;
  try {
    const m = await import("./compare");
    await m.compare(current.peek());
  } finally {
    comparing.value = false;
  }
}

function footView(): TemplateResult {
  const t = tried.value;
  const found = t && [t.errors ? plural(t.errors, "error") : "", t.warnings ? plural(t.warnings, "warning") : "", t.unchecked ? `${plural(t.unchecked, "document")} to be checked when applied` : ""].filter(Boolean).join(", ");
  return html`<span class="tried" role="status">${t && (t.errors || t.warnings) ? html`<button type="button" class=${t.errors ? "link bad" : "link warn"} title="F8 goes to the next one" @click=${() => view?.problems()}>${found}</button>` : t ? html`<span class="muted">${found || "The API would take it"}</span>` : nothing}</span>`;
}

function resultsView(): TemplateResult | typeof nothing {
  const a = applied.value;
  if (a.kind === "problem") return html`<p class="bad">${a.text}</p>`;
  if (a.kind !== "results") return nothing;
  if (a.results.length === 0) return html`<p class="muted">There was no document in it.</p>`;
  return html`<ul class=${a.stale ? "stale" : ""}>${a.results.map(resultView)}</ul>`;
}

function resultView(r: ApplyResult): TemplateResult {
  const name = r.object ? `${r.object.kind} ${nameOf(idOf(r.object))}` : `Document ${r.document}`;
  const id = r.object ? idOf(r.object) : "";
  const errors = r.errors ?? [];
  return html`<li class=${errors.length > 0 ? "bad" : "good"}>
    ${r.object && vertices.value.has(id) ? html`<button type="button" class="link" @click=${() => showObject(id)}>${name}</button>` : html`<b>${name}</b>`}
    ${errors.length > 0 ? `was not taken: ${plural(errors.length, "error")}` : r.action}
    ${errors.map((e) => html`<p class="why">${e.line > 0 ? html`<button type="button" class="link" @click=${() => view?.goTo(e.line)}>line ${e.line}</button> ` : nothing}${e.field ? html`<code>${e.field}</code> ` : nothing}${e.message}</p>`)}
    ${(r.warnings ?? []).map((w) => html`<p class="warn">Warning: ${w}</p>`)}</li>`;
}

customElements.define("manifest-editor", ManifestEditor);
