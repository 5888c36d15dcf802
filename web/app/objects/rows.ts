// <resource-rows>: the table of the chosen kind. Only the rows in sight are drawn.
import { computed, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { Part } from "../state/part";
import { reveal } from "../state/reveal";
import { sight } from "../state/rows";
import { type Ref, showResource, shownRef } from "../state/resource";
import { versionOf } from "./discovery";
import { type Column, human, isAge, type ResourceTable, type Row, table, text, tone } from "./table";

const ROW = 28; // px, as in objects.css
const HEAD = 34; // the head of the table, which stays
const LONGEST = 300; // characters of a cell; all of it is in its title, and in the object

const MARKED = ["Phase", "Ready", "State"]; // where there is no Status

const now = signal(Date.now());

class ResourceRows extends Part {
  readonly #scroll = signal(0);
  readonly #height = signal(400);
  readonly #stop = signal(""); // the key of the row in the tab order
  #watch: ResizeObserver | null = null;
  #timer = 0;
  #of: ResourceTable | null = null;

  // A table of one namespace need not say which; wide columns are folded by CSS.
  readonly #columns = computed(() => (table.value?.columns.value ?? []).map((column, index) => ({ column, index })).filter(({ column }) => column.name !== "Name"));

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = window.setInterval(() => document.hidden || (now.value = Date.now()), 5000); // ages
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch?.disconnect();
    clearInterval(this.#timer);
  }

  protected view(): TemplateResult {
    const t = table.value;
    if (!t) return html``;
    if (t !== this.#of) {
      this.#of = t;
      queueMicrotask(() => (this.#scroll.value = 0));
    }
    const all = t.shown.value;
    const total = t.rows.value.size;
    const { first, last } = sight(all.length, this.#height.value, this.#scroll.value, ROW);
    const spaced = t.kind.namespaced && t.namespace === "";
    const columns = this.#columns.value;
    const stop = all.some((r) => r.key === this.#stop.value) ? this.#stop.value : all[first]?.key;
    const open = shownRef.value;
    const marked = (columns.find((c) => c.column.name === "Status") ?? columns.find((c) => MARKED.includes(c.column.name)))?.column;
    const width = columns.length + (spaced ? 2 : 1);
    return html`${t.trouble.value ? html`<p class="resources-note bad" role="alert">${t.trouble.value}</p>` : t.loaded.value && total === 0 ? html`<p class="resources-note">There is no ${t.kind.kind}${t.namespace ? ` in namespace ${t.namespace}` : ""}.</p>` : nothing}
      <div class="resources-rows" tabindex="-1" @scroll=${(e: Event) => (this.#scroll.value = (e.currentTarget as HTMLElement).scrollTop)}>
      ${all.length === 0 ? nothing : html`<table class="list resource-table" aria-label=${`${t.kind.kind} objects`} aria-rowcount=${all.length + 1} @keydown=${this.#key} @click=${this.#click}>
        <thead><tr aria-rowindex="1">${spaced ? head(t, -2, "Namespace") : nothing}${head(t, -1, "Name")}${columns.map(({ column, index }) => head(t, index, column.name, column))}</tr></thead>
        <tbody>${space(first, width)}${repeat(all.slice(first, last), (r) => r.key, (r, i) => html`<tr data-key=${r.key} aria-rowindex=${first + i + 2} class=${isOpen(r, t, open) ? "chosen" : ""}>
          ${spaced ? html`<td class="muted">${r.namespace}</td>` : nothing}
          <th scope="row"><button type="button" class="link" tabindex=${r.key === stop ? 0 : -1} aria-pressed=${isOpen(r, t, open)} title=${r.name}>${r.name}</button></th>
          ${columns.map(({ column, index }) => cell(column, r, index, marked))}</tr>`)}${space(all.length - last, width)}</tbody></table>`}
      </div>`;
  }

  protected override drawn(): void {
    const frame = this.querySelector<HTMLElement>(".resources-rows");
    if (!frame) return;
    if (!this.#watch) {
      this.#watch = new ResizeObserver(() => (this.#height.value = frame.clientHeight || this.#height.value));
      this.#watch.observe(frame);
    }
    if (Math.abs(frame.scrollTop - this.#scroll.peek()) >= 1) frame.scrollTop = this.#scroll.peek();
  }

  #row(event: Event): Row | undefined {
    const key = (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset.key;
    return key === undefined ? undefined : table.peek()?.rows.peek().get(key);
  }

  #click = (event: Event): void => {
    const r = this.#row(event);
    const t = table.peek();
    if (!r || !t || String(getSelection()) !== "") return; // somebody selects text to copy it
    this.#stop.value = r.key;
    showResource(refOf(r, t));
    reveal("details");
  };

  #key = (event: KeyboardEvent): void => {
    const all = table.peek()?.shown.peek() ?? [];
    const r = this.#row(event);
    if (!r || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = all.findIndex((x) => x.key === r.key);
    const page = Math.max(1, Math.floor(this.#height.peek() / ROW) - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: at + page, PageUp: at - page }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = all[Math.max(0, Math.min(all.length - 1, to))];
    if (!next) return;
    const y = all.indexOf(next) * ROW;
    const [top, height] = [this.#scroll.peek(), this.#height.peek() - HEAD];
    this.#stop.value = next.key;
    if (y < top) this.#scroll.value = y;
    else if (y + ROW > top + height) this.#scroll.value = y + ROW - height;
    [...this.querySelectorAll<HTMLElement>("[data-key]")].find((x) => x.dataset.key === next.key)?.querySelector<HTMLElement>("button")?.focus({ preventScroll: true });
  };
}

const refOf = (r: Row, t: ResourceTable): Ref => ({ apiVersion: versionOf(t.kind), kind: t.kind.kind, namespace: r.namespace || undefined, name: r.name });

function isOpen(r: Row, t: ResourceTable, open: Ref | undefined): boolean {
  return open !== undefined && open.kind === t.kind.kind && open.name === r.name && (open.namespace ?? "") === r.namespace;
}

function head(t: ResourceTable, index: number, name: string, column?: Column): TemplateResult {
  const { column: by, down } = t.sort.value;
  const of = Math.max(-1, index); // Namespace and Name are one order
  const on = by === of;
  return html`<th scope="col" class=${column && column.priority > 0 ? "wide-only" : ""} aria-sort=${on && index !== -2 ? (down ? "descending" : "ascending") : nothing}>
    <button type="button" title=${column?.description ?? nothing} @click=${() => (t.sort.value = { column: of, down: on && !down })}>${name}<span class="way" aria-hidden="true">${on && index !== -2 ? (down ? "↓" : "↑") : ""}</span></button></th>`;
}

function cell(column: Column, r: Row, index: number, marked: Column | undefined): TemplateResult {
  const wide = column.priority > 0 ? "wide-only" : "";
  if (isAge(column) && !Number.isNaN(r.created)) return html`<td class=${wide} title=${new Date(r.created).toLocaleString()}>${human(now.value - r.created)}</td>`;
  const said = text(r.cells[index]);
  const short = said.length > LONGEST ? `${said.slice(0, LONGEST)}…` : said;
  const mark = column === marked ? tone(column, r.cells[index]) : "";
  return html`<td class=${`${wide} ${said === "<none>" || said === "<unset>" ? "muted" : ""}`} title=${said.length > 40 ? said.slice(0, 2000) : nothing}>${mark ? html`<span class=${`status ${mark}`}><i aria-hidden="true"></i>${short}</span>` : short}</td>`;
}

// Stands for rows that are not drawn.
function space(count: number, width: number): TemplateResult | typeof nothing {
  return count > 0 ? html`<tr class="space" aria-hidden="true"><td colspan=${width} height=${count * ROW}></td></tr>` : nothing;
}

customElements.define("resource-rows", ResourceRows);
