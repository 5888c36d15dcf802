// <resource-browser>: every kind of the session's API, and the objects of the chosen one
// as kubectl get -o wide prints them.
import { computed, effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { applied } from "../editor/text";
import { forTab } from "../state/keep";
import { moveInList } from "../state/keys";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { discover, inOrder, type Kind, kinds, means, namespaces, SECTIONS, trouble } from "./discovery";
import { whenSeen } from "./live";
import { wanted } from "./choice";
import { ResourceTable, table } from "./table";
import "./rows";

const namespace = signal(forTab.get("podhop.objects.namespace") ?? "");
const kindFilter = signal("");
export const chosen = computed<Kind | undefined>(() => kinds.value.find((k) => k.key === wanted.value) ?? kinds.value.find((k) => k.key === "pods"));

const EVERY = 10_000; // ms between looks at what kinds there are

class ResourceBrowser extends Part {
  readonly #seen = signal(false);
  #end: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = [
      whenSeen(this, (seen) => (this.#seen.value = seen)),
      effect(() => this.#keep()),
      effect(() => this.#ask()),
      effect(() => forTab.set("podhop.objects.namespace", namespace.value)),
    ];
  }

  override disconnectedCallback(): void {
    for (const end of this.#end) end();
    table.peek()?.stop();
    super.disconnectedCallback();
  }

  // One table is open, of the chosen kind and namespace, and runs while it is seen.
  #keep(): void {
    const kind = chosen.value;
    const space = kind?.namespaced ? namespace.value : "";
    const seen = this.#seen.value;
    const old = table.peek();
    const same = old && old.kind.key === kind?.key && old.kind.version === kind.version && old.namespace === space;
    if (!same) old?.stop();
    const now = same ? old : kind ? new ResourceTable(kind, space, kind.resource === "customresourcedefinitions" ? () => void discover() : undefined) : null;
    if (seen) now?.start();
    else now?.stop();
    table.value = now ?? null;
  }

  // Kinds come and go with definitions, which somebody else may write.
  #ask(): (() => void) | void {
    void applied.value; // what was just applied may be a definition
    if (!this.#seen.value) return;
    void discover();
    const timer = setInterval(() => void discover(), EVERY);
    return () => clearInterval(timer);
  }

  protected view(): TemplateResult {
    if (kinds.value.length === 0) return html`<p class="empty" role="status">${trouble.value || "Asking the API what it has…"}</p>`;
    const kind = chosen.value;
    const groups = SECTIONS.map((s) => ({ name: s, all: kinds.value.filter((k) => k.section === s).sort(inOrder) })).filter((g) => g.all.length > 0);
    const typed = kindFilter.value.trim();
    const left = groups.map((g) => ({ ...g, all: typed ? g.all.filter((k) => means(k, typed)) : g.all })).filter((g) => g.all.length > 0);
    return html`<div class="kinds">
        <input type="search" class="kinds-filter" placeholder="Filter kinds" aria-label="Filter kinds" autocomplete="off" spellcheck="false" .value=${kindFilter.value} @input=${typing(kindFilter)} @keydown=${(e: KeyboardEvent) => this.#first(e, left[0]?.all[0])}>
        <nav class="kinds-list" aria-label="Kinds" @keydown=${(e: KeyboardEvent) => moveInList(e, "button")}>
          ${left.length === 0 ? html`<p class="muted">No kind has that name.</p>` : left.map((g) => html`<h2>${g.name}</h2>${g.all.map((k) => kindButton(k, k === kind))}`)}</nav>
      </div>
      <div class="resources">
        <div class="resources-bar">
          <select class="kinds-select" aria-label="Kind" .value=${kind?.key ?? ""} @change=${(e: Event) => choose((e.target as HTMLSelectElement).value)}>
            ${groups.map((g) => html`<optgroup label=${g.name}>${g.all.map((k) => html`<option value=${k.key} ?selected=${k === kind}>${k.kind}${twin(k) ? ` (${k.group})` : ""}</option>`)}</optgroup>`)}</select>
          <h2>${kind?.kind ?? ""} ${kind?.group ? html`<span class="muted">${kind.group}</span>` : nothing}</h2>
          <p class="resources-said" role="status">${table.value ? said(table.value) : nothing}</p>
          <select aria-label="Namespace" ?disabled=${!kind?.namespaced} @change=${(e: Event) => (namespace.value = (e.target as HTMLSelectElement).value)}>
            <option value="" ?selected=${namespace.value === "" || !kind?.namespaced}>${kind?.namespaced === false ? "Not in a namespace" : "All namespaces"}</option>
            ${kind?.namespaced ? spaces().map((n) => html`<option value=${n} ?selected=${n === namespace.value}>${n}</option>`) : nothing}</select>
          <input type="search" id="resource-filter" placeholder="Filter names" aria-label="Filter names" autocomplete="off" spellcheck="false" .value=${table.value?.filter.value ?? ""} @input=${(e: Event) => table.value && typing(table.value.filter)(e)}>
        </div>
        <resource-rows></resource-rows>
      </div>`;
  }

  #first(event: KeyboardEvent, k: Kind | undefined): void {
    if (event.key === "Enter" && k) choose(k.key);
    else if (event.key === "ArrowDown") this.querySelector<HTMLElement>(".kinds-list button")?.focus();
    else return;
    event.preventDefault();
  }
}

const typing = (of: { value: string }) => (e: Event) => void (of.value = (e.target as HTMLInputElement).value);
// One that was chosen stays on offer, though it may be gone.
const spaces = () => [...new Set([...namespaces.value, ...(namespace.value ? [namespace.value] : [])])].sort();
const choose = (key: string) => void (wanted.value = key);
/** Whether another group has a kind of that name too. */
const twin = (k: Kind) => kinds.value.some((x) => x.kind === k.kind && x.group !== k.group);

function kindButton(k: Kind, on: boolean): TemplateResult {
  return html`<button type="button" aria-current=${on ? "true" : nothing} tabindex=${on ? 0 : -1} title=${`${k.key}${k.short.length > 0 ? `, ${k.short.join(", ")}` : ""}`} @click=${() => choose(k.key)}>${k.kind}${twin(k) ? html` <span class="muted">${k.group || "core"}</span>` : nothing}</button>`;
}

function said(t: ResourceTable): TemplateResult | string {
  if (!t.loaded.value) return t.trouble.value ? "" : "Asking…";
  const [left, total] = [t.shown.value.length, t.rows.value.size];
  return left === total ? plural(total, "object") : `${left} of ${plural(total, "object")}`;
}

customElements.define("resource-browser", ResourceBrowser);
