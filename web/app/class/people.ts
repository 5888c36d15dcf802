// <class-people>: everybody, a row each. Rows are as high as any other and stay where they
// are; all that is known of one person unfolds below theirs.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Member } from "../model";
import { icon } from "../parts/icons";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { askControl, look, remove } from "./deeds";
import { person } from "./person";
import { openPush } from "./open";
import { busy, choose, chosen, filter, filtered, isChosen, rows } from "./rows";
import { klass, members, now, ready } from "./store";
import { lessonTitle, since, stepText } from "./words";

const unfolded = signal<ReadonlySet<string>>(new Set());
const current = signal(""); // whose row is in the tab order

const PAGE = 10; // rows that Page Down goes over

export class ClassPeople extends Part {
  #focused = "";

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("pointerenter", this.#look);
    this.addEventListener("pointerleave", this.#look);
    this.addEventListener("focusin", this.#look);
    this.addEventListener("focusout", this.#look);
  }

  // Somebody is here while the pointer is over the rows, or the focus among them.
  #look = (e: Event): void => {
    const to = e.type === "focusout" ? ((e as FocusEvent).relatedTarget as Node | null) : document.activeElement;
    busy.value = (e.type === "pointerenter" || (e.type !== "pointerleave" && this.matches(":hover")) || this.contains(to));
  };

  protected view(): TemplateResult {
    const all = rows.value;
    const active = document.activeElement as HTMLElement | null;
    this.#focused = (this.contains(active) && active?.dataset.member) || "";
    if (all.length === 0) return empty();
    const stop = all.some((m) => m.id === current.value) ? current.value : all[0]!.id;
    const every = all.every((m) => isChosen(m.id));
    return html`<table class="list people-list" role="treegrid" aria-label="People" aria-rowcount=${all.length + 1} @keydown=${this.#key}>
      <thead><tr role="row"><th scope="col" role="columnheader" class="pick"><input type="checkbox" aria-label="Choose all that are listed" .checked=${every} .indeterminate=${!every && all.some((m) => isChosen(m.id))} @change=${(e: Event) => choose(all.map((m) => m.id), (e.target as HTMLInputElement).checked)}></th>
        ${["Name", "Where", "Checks", "Idle", "Errors"].map((h) => html`<th scope="col" role="columnheader" class=${`col-${h.toLowerCase()}`}>${h}</th>`)}<th scope="col" role="columnheader" class="col-acts"><span class="hidden">Look</span></th></tr></thead>
      <tbody role="rowgroup">${repeat(all, (m) => m.id, (m) => this.#row(m, m.id === stop))}</tbody></table>`;
  }

  protected override drawn(): void {
    // A row that was moved among the others has lost the focus.
    if (this.#focused && document.activeElement === document.body) this.#at(this.#focused)?.focus({ preventScroll: true });
  }

  #row(m: Member, stop: boolean): TemplateResult {
    const open = unfolded.value.has(m.id);
    const fails = m.failing ?? [];
    const idle = since(m.idleSince, now.value);
    return html`<tr role="row" aria-level="1" data-member=${m.id} tabindex=${stop ? 0 : -1} aria-expanded=${open} aria-selected=${isChosen(m.id)} class=${`${m.help ? "wants" : ""} ${m.online ? "" : "away"}`} @focus=${() => (current.value = m.id)}>
        <td role="gridcell" class="pick"><input type="checkbox" tabindex="-1" aria-label=${`Choose ${m.name}`} .checked=${isChosen(m.id)} @change=${(e: Event) => choose([m.id], (e.target as HTMLInputElement).checked)}></td>
        <th scope="row" role="rowheader" class="name"><button type="button" class="who" tabindex="-1" aria-label=${`${open ? "Less" : "More"} about ${m.name}`} @click=${() => this.#unfold(m.id, !open)}>${icon(open ? "shut" : "open")}<span class=${`status ${m.online ? "ready" : ""}`} title=${m.online ? "Online" : "Not here"}><i aria-hidden="true"></i><b>${m.name}</b></span></button>
          ${m.online ? nothing : html`<span class="hidden">, not here</span>`}
          ${m.help ? html`<span class="asks" title=${m.help.text ?? ""}>Help${m.help.text ? html`: <span>${m.help.text}</span>` : nothing}</span>` : nothing}</th>
        <td role="gridcell" class="where"><span class="lesson-name">${lessonTitle(m) || html`<span class="muted">nowhere yet</span>`}</span> <span class="muted">${stepText(m)}${since(m.stepSince, now.value) && m.step ? `, ${since(m.stepSince, now.value)}` : ""}</span></td>
        <td role="gridcell" class="checks-of">${checks(m)}${fails[0] ? html` <span class="saw" title=${fails.map((f) => `${f.title}: ${f.saw ?? ""}`).join("\n")}>${fails[0].saw || fails[0].title}${fails.length > 1 ? ` (and ${fails.length - 1} more)` : ""}</span>` : nothing}</td>
        <td role="gridcell" class="idle">${m.online ? idle || html`<span class="muted">active</span>` : html`<span class="muted">${since(m.lastSeen, now.value) || "just left"}</span>`}</td>
        <td role="gridcell" class="errors" title=${m.lastError ?? ""}>${m.errors || html`<span class="muted">0</span>`}</td>
        <td role="gridcell" class="acts">${state(m)}<button type="button" class="quiet" tabindex="-1" ?disabled=${!m.session} aria-label=${`Look at ${m.name}'s session`} @click=${() => void look(m)}>Look</button></td></tr>
      ${open ? html`<tr role="row" aria-level="2" class="more"><td role="gridcell" colspan="7">${person(m)}</td></tr>` : nothing}`;
  }

  #unfold(id: string, open: boolean): void {
    const next = new Set(unfolded.value);
    if (open) next.add(id);
    else next.delete(id);
    unfolded.value = next;
    current.value = id;
  }

  #key = (event: KeyboardEvent): void => {
    const row = event.target as HTMLElement;
    const id = row.dataset.member;
    if (event.key === "Escape" && !id && row.closest(".more")) {
      const above = row.closest(".more")?.previousElementSibling as HTMLElement | null;
      above?.focus();
      return event.preventDefault();
    }
    const all = rows.value;
    const at = all.findIndex((m) => m.id === id);
    const m = all[at];
    if (!m || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = all.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + PAGE, PageUp: at - PAGE }[event.key];
    if (to !== undefined) this.#go(all[Math.max(0, Math.min(last, to))]!.id);
    else if (event.key === "ArrowRight") this.#unfold(m.id, true);
    else if (event.key === "ArrowLeft") this.#unfold(m.id, false);
    else if (event.key === "Enter") this.#unfold(m.id, !unfolded.value.has(m.id));
    else if (event.key === " ") choose([m.id], !isChosen(m.id));
    else if (event.key === "l" && m.session) void look(m);
    else if (event.key === "k" && m.session && !m.control) void askControl(m);
    else if (event.key === "p") openPush(chosen.peek().length > 0 ? chosen.peek() : [m]);
    else if (event.key === "Delete") void remove(m);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  #go(id: string): void {
    current.value = id;
    this.#at(id)?.focus();
  }

  #at(id: string): HTMLElement | undefined {
    return [...this.querySelectorAll<HTMLElement>("[data-member]")].find((x) => x.dataset.member === id);
  }

  /** Puts the focus on somebody's row, or on the one that had it last. */
  focusRow(id = current.peek()): void {
    const all = rows.value;
    const to = all.find((m) => m.id === id) ?? all[0];
    if (to) this.#go(to.id);
  }

  /** Goes to the next of those who ask for help. */
  nextHelp(): boolean {
    const all = rows.value;
    const at = all.findIndex((m) => m.id === current.peek());
    const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((m) => m.help);
    if (next) this.#go(next.id);
    return next !== undefined;
  }
}

// How many checks of the step pass, as far as that is known.
function checks(m: Member): TemplateResult | typeof nothing {
  const fails = m.failing?.length ?? 0;
  if (!m.lesson) return nothing;
  if (fails > 0) return html`<span class="count bad" title="Checks of the step that do not pass">${fails} open</span>`;
  return html`<span class="count muted" title="Steps of the lesson that are done">${plural(m.passed, "step")} done</span>`;
}

// What the instructor has to do with this person now.
function state(m: Member): TemplateResult | typeof nothing {
  const text = m.control === "given" ? "keyboard" : m.control === "asked" ? "asked" : m.looking ? "looking" : "";
  return text ? html`<span class=${`mode ${text}`}>${text}</span>` : nothing;
}

function empty(): TemplateResult {
  if (!ready.value) return html`<p class="empty" role="status">Asking who is there…</p>`;
  if (members.value.size === 0) {
    return html`<p class="empty">Nobody has joined yet. ${klass.value.open ? "Show them the code." : "Nobody can: joining is closed."}</p>`;
  }
  return html`<p class="empty">Nobody is meant by the filter. ${filtered.value ? html`<button type="button" class="link" @click=${() => (filter.value = { text: "", only: "all", at: null })}>Show everybody</button>` : nothing}</p>`;
}

customElements.define("class-people", ClassPeople);
