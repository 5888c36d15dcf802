// <manifest-editor>: samples, the text, Apply, and the API's answer. A plain
// textarea works until CodeMirror, a later chunk, has come.
import { effect } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { ApplyResult } from "../model";
import { data } from "../state/data";
import { showObject } from "../state/selection";
import { vertices } from "../state/store";
import { idOf, nameOf, plural } from "../state/text";
import { applied, applyNow, edit, load, loaded, text } from "./text";

const mac = navigator.platform.startsWith("Mac");
let goTo: (line: number) => void = () => {};

class ManifestEditor extends HTMLElement {
  connectedCallback(): void {
    render(html`<div class="editor-bar"></div><div class="editor-text"><textarea aria-label="Manifests, as YAML" spellcheck="false" placeholder="Paste manifests here, or load one above"></textarea></div><div class="results" role="status"></div>`, this);
    const [bar, box, results] = [".editor-bar", ".editor-text", ".results"].map((s) => this.querySelector<HTMLElement>(s)!) as [HTMLElement, HTMLElement, HTMLElement];
    const area = box.querySelector("textarea")!;
    area.value = text.peek();
    area.addEventListener("input", () => edit(area.value));
    area.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
        e.preventDefault();
        void applyNow();
      }
    });
    effect(() => {
      if (loaded.value) area.value = loaded.value.text;
    });
    effect(() => void render(barView(), bar));
    effect(() => void render(resultsView(), results));
    void import("./codemirror").then((m) => {
      const focused = document.activeElement === area;
      goTo = m.mount(box);
      area.remove();
      if (focused) box.querySelector<HTMLElement>(".cm-content")?.focus();
    });
  }
}

function barView(): TemplateResult {
  return html`<div class="samples" role="group" aria-label="Load a manifest">
      ${data?.samples.map((s) => html`<button type="button" class="quiet" @click=${() => load(s)}>${s.label}</button>`)}</div>
    <button type="button" class="primary apply" ?disabled=${applied.value.kind === "applying"} @click=${() => void applyNow()} title=${`${mac ? "Cmd" : "Ctrl"} and Enter`}>
      ${applied.value.kind === "applying" ? "Applying" : "Apply"}<kbd aria-hidden="true">${mac ? "⌘" : "Ctrl"} ⏎</kbd></button>`;
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
    ${errors.map((e) => html`<p class="why">${e.line > 0 ? html`<button type="button" class="link" @click=${() => goTo(e.line)}>line ${e.line}</button> ` : nothing}${e.field ? html`<code>${e.field}</code> ` : nothing}${e.message}</p>`)}
    ${(r.warnings ?? []).map((w) => html`<p class="warn">Warning: ${w}</p>`)}</li>`;
}

customElements.define("manifest-editor", ManifestEditor);
