// The table of who reaches whom: a grid for arrow keys, and on a phone a list.
import { computed, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import type { PolicyVerdict, ReachGroup, ReachTarget } from "../model";
import { nameOf, plural } from "../state/text";
import { answer, asking, changes, groups, namespace, namespaces, onlyChanges, table, trial, type Cell, type Table } from "./whatif-ask";

const phone = matchMedia("(max-width: 860px)");
const narrow = signal(phone.matches);
phone.addEventListener("change", () => (narrow.value = phone.matches));

/** The cell that is in the tab order, and the one that is pointed at instead. */
const at = signal({ row: 0, column: 0 });
const over = signal<Cell | null>(null);
const place = computed(() => {
  const t = table.value;
  return { row: Math.min(at.value.row, t.rows.length - 1), column: Math.min(at.value.column, t.targets.length - 1) };
});
const chosen = computed(() => over.value ?? table.value.rows[place.value.row]?.cells[place.value.column]);

export function tableView(): TemplateResult {
  const t = table.value;
  return html`<section class="what-reach" aria-labelledby="what-reach" aria-busy=${asking.value}>
    <div class="what-head"><h2 id="what-reach">Who reaches whom${trial.value.kind === "now" ? "" : " then"}</h2>
      <label class="field"><span>namespace</span><select name="namespace" @change=${(e: Event) => (namespace.value = (e.target as HTMLSelectElement).value)}>
        <option value="" ?selected=${namespace.value === ""}>all</option>
        ${namespaces.value.map((n) => html`<option value=${n} ?selected=${namespace.value === n}>${n}</option>`)}</select></label>
      ${changes.value > 0 ? html`<label class="check"><input type="checkbox" name="changes" .checked=${onlyChanges.value} @change=${(e: Event) => (onlyChanges.value = (e.target as HTMLInputElement).checked)}> only what changes</label>` : nothing}
    </div>
    ${t.rows.length === 0 || t.targets.length === 0 ? html`<p class="muted what-none">${namespace.value ? "Nothing here changes, or no pod of this namespace has an address." : "No pod has an address yet."}</p>` : narrow.value ? list(t) : grid(t)}
    ${notes(t)}
  </section>`;
}

function grid(t: Table): TemplateResult {
  return html`<div class="what-grid"><table role="grid" aria-labelledby="what-reach" aria-describedby="what-how" @keydown=${key} @focusin=${point} @mouseover=${hover} @mouseleave=${() => (over.value = null)} @click=${point}>
    <thead><tr><th scope="col">From, down; to, across</th>
      ${t.targets.map((c) => html`<th scope="col" class=${spansChange(t, c) ? "changes" : ""} title=${c.known ? `Known from: ${c.known}` : ""}><b>${label(groups.value[c.group]!)}</b> <span class="mono">${portText(c)}</span></th>`)}</tr></thead>
    <tbody>${t.rows.map((r, i) => html`<tr><th scope="row" title=${r.group.note ?? ""}>${label(r.group)}</th>
      ${r.cells.map((c, k) => html`<td tabindex=${i === place.value.row && k === place.value.column ? 0 : -1} data-row=${i} data-column=${k} class=${tone(c)}>${mark(c)}</td>`)}</tr>`)}</tbody>
    </table></div>
    <p class="what-why" id="what-why">${chosen.value ? reason(chosen.value) : "Point at a cell, or move to it, for its reason."}</p>
    <p class="hidden" id="what-how">Arrow keys move between cells, Enter says the reason of one.</p>`;
}

// On a phone each target is a fold of its own, with who reaches it.
function list(t: Table): TemplateResult {
  return html`<div class="what-list">${t.targets.map((c, k) => {
    const all = t.rows.map((r) => r.cells[k]!);
    const some = all.filter((x) => x.change !== "").length;
    return html`<details ?open=${some > 0 && onlyChanges.value}><summary><b>${label(groups.value[c.group]!)}</b> <span class="mono">${portText(c)}</span>
      <span class="muted">${all.filter((x) => x.after.allowed).length} of ${all.length} allowed${some > 0 ? `, ${plural(some, "change")}` : ""}</span></summary>
      <ul>${all.filter((x) => !onlyChanges.value || some === 0 || x.change !== "").map((x) => html`<li><span class=${tone(x)}>${mark(x)}</span><span><b>${label(x.group)}</b> ${why(x)}</span></li>`)}</ul></details>`;
  })}</div>`;
}

function notes(t: Table): TemplateResult {
  const r = answer.value?.reachability;
  const shown = t.rows.map((x) => x.group).filter((g) => g.note || (g.kind === "Node" && g.pods?.length));
  return html`<ul class="what-notes muted">
    <li>Pods of one owner, or of equal labels, are one row where policies cannot tell them apart. Columns are by the pods' own ports; Services lead to these.</li>
    ${t.targets.some((c) => c.port === 0) ? html`<li>“any port” stands where no port of a pod is known: for one that no rule names.</li>` : nothing}
    ${t.rows.some((x) => x.cells.some((c) => c.after.except)) ? html`<li>* but for some: a pod always reaches itself, and a node its pods.</li>` : nothing}
    ${shown.map((g) => html`<li><b>${label(g)}</b>: ${g.note ?? `also for ${g.pods!.map(nameOf).join(", ")}, on the node's own network.`}</li>`)}
    ${r?.waiting?.length ? html`<li>${plural(r.waiting.length, "pod has", "pods have")} no address yet: ${r.waiting.slice(0, 10).map(nameOf).join(", ")}.</li>` : nothing}
    ${t.hidden + (r?.omitted ?? 0) > 0 ? html`<li>${plural(t.hidden + (r?.omitted ?? 0), "column")} more: there are too many to show. Choose a namespace.</li>` : nothing}
  </ul>`;
}

function label(g: ReachGroup): string {
  if (g.kind === "Client") return "client, outside";
  const name = g.namespace ? nameOf(`${g.kind}/${g.namespace}/${g.name}`) : g.name;
  const n = g.kind === "Node" ? 1 : (g.pods?.length ?? 1);
  return n > 1 ? `${name} ×${n}` : name;
}

function portText(t: ReachTarget): string {
  return `${t.port === 0 ? "any port" : `${t.protocol} ${t.port}`}${t.family ? `, ${t.family}` : ""}`;
}

const spansChange = (t: Table, c: ReachTarget): boolean => t.rows.some((r) => r.cells[t.targets.indexOf(c)]!.change !== "");

const tone = (c: Cell): string => c.change || (c.after.allowed ? "yes" : "no");

function mark(c: Cell): TemplateResult {
  if (c.change === "cut") return html`<span aria-hidden="true">✓→✕</span> cut${c.after.except ? " *" : nothing}`;
  if (c.change === "allowed") return html`<span aria-hidden="true">✕→✓</span> opens`;
  return c.after.allowed ? html`<span aria-hidden="true">✓</span> yes` : html`<span aria-hidden="true">✕</span> no${c.after.except ? " *" : nothing}`;
}

function why(c: Cell): TemplateResult {
  if (c.change === "" && c.before.sentence === c.after.sentence) return html`<span>${said(c.after)}</span>`;
  return html`<span>Now: ${said(c.before)}</span> <span>Then: ${said(c.after)}</span>`;
}

const said = (v: PolicyVerdict): string => [v.sentence, v.except].filter(Boolean).join(" ");

const heading = (c: Cell): string => `${label(c.group)} to ${label(groups.value[c.target.group]!)}, ${portText(c.target)}`;

const reason = (c: Cell): TemplateResult => html`<b>${heading(c)}:</b> ${why(c)}`;

function key(event: KeyboardEvent): void {
  const { row, column } = place.value;
  const last = { row: table.value.rows.length - 1, column: table.value.targets.length - 1 };
  const whole = event.ctrlKey || event.metaKey;
  let to: { row: number; column: number };
  switch (event.key) {
    case "ArrowDown": to = { row: row + 1, column }; break;
    case "ArrowUp": to = { row: row - 1, column }; break;
    case "ArrowRight": to = { row, column: column + 1 }; break;
    case "ArrowLeft": to = { row, column: column - 1 }; break;
    case "Home": to = { row: whole ? 0 : row, column: 0 }; break;
    case "End": to = { row: whole ? last.row : row, column: last.column }; break;
    case "Enter":
    case " ": {
      const c = chosen.value;
      if (c) announce(`${heading(c)}. ${c.change ? `Now: ${said(c.before)} Then: ` : ""}${said(c.after)}`);
      event.preventDefault();
      return;
    }
    default: return;
  }
  event.preventDefault();
  moved = true;
  over.value = null;
  at.value = { row: Math.max(0, Math.min(last.row, to.row)), column: Math.max(0, Math.min(last.column, to.column)) };
}

// Where the focus is to follow a key, once the cell is drawn.
let moved = false;
export function focusCell(part: HTMLElement): void {
  if (!moved) return;
  moved = false;
  const { row, column } = place.peek();
  const cell = part.querySelector<HTMLElement>(`td[data-row="${row}"][data-column="${column}"]`);
  cell?.focus({ preventScroll: true });
  cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const cellOf = (event: Event): HTMLElement | null => (event.target as HTMLElement).closest<HTMLElement>("td[data-row]");

function point(event: Event): void {
  const td = cellOf(event);
  if (!td) return;
  over.value = null;
  const [row, column] = [Number(td.dataset.row), Number(td.dataset.column)];
  if (row !== at.value.row || column !== at.value.column) at.value = { row, column };
}

function hover(event: Event): void {
  const td = cellOf(event);
  over.value = td ? (table.value.rows[Number(td.dataset.row)]?.cells[Number(td.dataset.column)] ?? null) : null;
}
