// <journey-list>: every conversation that was captured, newest first, as far as
// the filter leaves it; unfolded, its packets. Only rows in sight are drawn.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { outcomeText, targetOf, type Conversation } from "../state/conversation";
import { exchangesText, exchangeText } from "../state/exchanges";
import { recorded } from "../state/data";
import { Part } from "../state/part";
import { choose, current, type Row, rows, sight, unfold, unfolded } from "../state/rows";
import { conversationID, journeyID } from "../state/selection";
import { apart, clearTerms, hidden, showCalls } from "../state/shown";
import { clock, duration, nameOf } from "../state/text";
import "./filter";
import { icon } from "./icons";
import { reveal } from "../state/reveal";

const ROW = 30; // px, as in dock.css
const HEAD = 34; // the head of the table, which stays

export class JourneyList extends Part {
  readonly #scroll = signal(0);
  readonly #height = signal(400);
  #frame: HTMLElement | null = null;
  #anchor = { key: "", index: 0 }; // the row that stays where it is when others come
  #want = 0;
  #stands = 0; // where the frame is scrolled to, as far as was seen
  #focused = ""; // the row that has the focus
  #watch: ResizeObserver | null = null;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch?.disconnect();
  }

  protected view(): TemplateResult {
    const all = rows.value;
    this.#focused = (this.contains(document.activeElement) && (document.activeElement as HTMLElement).dataset.row) || "";
    this.#want = this.#held(all);
    const { first, last } = sight(all.length, this.#height.value, this.#want, ROW);
    const at = current.value;
    const stop = all.some((r) => r.key === at) ? at : (all[first]?.key ?? "");
    return html`<journey-filter></journey-filter>
      <div class="journey-rows" @scroll=${this.#scrolled}>
      ${all.length === 0 ? empty() : html`<table class="list journeys" role="treegrid" aria-label="Conversations, newest first" aria-rowcount=${all.length + 1} @keydown=${this.#key} @click=${this.#click}>
      <thead><tr role="row" aria-rowindex="1">${["Time", "Conversation", "Outcome", "Endpoint", "Packets", "Took"].map((h) => html`<th scope="col" role="columnheader">${h}</th>`)}</tr></thead>
      <tbody role="rowgroup">
        ${space(first)}
        ${repeat(all.slice(first, last), (r) => r.key, (r, i) => (r.journey ? packetRow(r, first + i, r.key === stop) : row(r, first + i, r.key === stop)))}
        ${space(all.length - last)}
      </tbody></table>`}
      </div>`;
  }

  // New rows come in above: what somebody reads, or has the focus on, stays where it is.
  #held(all: Row[]): number {
    const scroll = this.#scroll.value;
    const { key, index } = this.#anchor;
    if (key === "") return scroll;
    const now = all.findIndex((r) => r.key === key);
    return now < 0 ? scroll : Math.max(0, scroll + (now - index) * ROW);
  }

  protected override drawn(): void {
    if (!this.#frame) {
      this.#frame = this.querySelector<HTMLElement>(".journey-rows");
      this.#watch = new ResizeObserver(() => (this.#height.value = this.#frame!.clientHeight || this.#height.value));
      this.#watch.observe(this.#frame!);
    }
    const f = this.#frame!;
    // Asking where it stands would lay the page out, at each frame of a busy list.
    if (Math.abs(this.#stands - this.#want) >= 1) f.scrollTop = this.#stands = this.#want;
    this.#scroll.value = this.#want;
    // A row that was moved among the others has lost the focus.
    if (this.#focused && document.activeElement === document.body) this.#row(this.#focused)?.focus({ preventScroll: true });
    const all = rows.peek();
    const at = this.#focused ? all.findIndex((r) => r.key === this.#focused) : -1;
    const index = at >= 0 ? at : Math.floor(this.#want / ROW);
    this.#anchor = at >= 0 || this.#want > 0 ? { key: all[index]?.key ?? "", index } : { key: "", index: 0 };
  }

  #scrolled = (): void => {
    const top = (this.#stands = this.#frame!.scrollTop);
    if (Math.abs(top - this.#want) < 1) return; // our own doing
    this.#anchor = { key: "", index: 0 };
    this.#scroll.value = top;
  };

  #click = (event: Event): void => {
    const target = event.target as Element;
    const r = rows.value.find((x) => x.key === target.closest<HTMLElement>("[data-row]")?.dataset.row);
    if (!r) return;
    if (target.closest(".unfold")) return unfold(r.key, !unfolded.value.has(r.key));
    choose(r);
    reveal("details");
  };

  #key = (event: KeyboardEvent): void => {
    const all = rows.value;
    const at = all.findIndex((r) => r.key === (event.target as Element).closest<HTMLElement>("[data-row]")?.dataset.row);
    const r = all[at];
    if (!r || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.#height.value / ROW) - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1, PageDown: at + page, PageUp: at - page }[event.key];
    const open = unfolded.value.has(r.conversation.id);
    if (to !== undefined) this.#go(all, Math.max(0, Math.min(all.length - 1, to)));
    else if (event.key === "ArrowRight" && !r.journey) open ? this.#go(all, at + 1) : unfold(r.key, true);
    else if (event.key === "ArrowLeft" && r.journey) this.#go(all, all.findIndex((x) => x.key === r.conversation.id));
    else if (event.key === "ArrowLeft" && open) unfold(r.key, false);
    else if (event.key === "Enter") {
      choose(r);
      reveal("details");
      document.querySelector<HTMLElement>("page-inspector .hop-button[tabindex='0']")?.focus();
    } else return;
    event.preventDefault();
  };

  // Chooses a row, brings it into sight, and puts the focus on it.
  #go(all: Row[], index: number): void {
    const r = all[index];
    if (!r) return;
    const [top, height] = [this.#scroll.peek(), this.#height.peek() - HEAD];
    const y = index * ROW;
    this.#anchor = { key: "", index: 0 };
    if (y < top) this.#scroll.value = y;
    else if (y + ROW > top + height) this.#scroll.value = y + ROW - height;
    choose(r);
    this.#row(r.key)?.focus({ preventScroll: true });
    this.#anchor = { key: r.key, index: rows.peek().findIndex((x) => x.key === r.key) };
  }

  #row(key: string): HTMLElement | undefined {
    return [...this.querySelectorAll<HTMLElement>("[data-row]")].find((x) => x.dataset.row === key);
  }

  /** Puts the focus on the row that is chosen, or on the first. */
  focusRow(): void {
    const all = rows.value;
    const at = all.findIndex((r) => r.key === current.value);
    if (all.length > 0) this.#go(all, Math.max(0, at));
  }
}

function empty(): TemplateResult {
  if (hidden.value > 0) return html`<p class="empty">None of ${hidden.value} conversations is what the filter asks for. <button type="button" class="link" @click=${clearTerms}>Clear the filter</button></p>`;
  return apart.value > 0
    ? html`<p class="empty">Only calls of the API server so far, ${apart.value} of them. <button type="button" class="link" @click=${() => showCalls(true)}>Show them</button></p>`
    : html`<p class="empty">${recorded ? "No packets up to this moment." : "No packets yet. Send a request, and each of its packets is captured here, hop by hop."}</p>`;
}

// Stands for rows that are not drawn.
function space(count: number): TemplateResult | typeof nothing {
  return count > 0 ? html`<tr role="presentation" class="space"><td role="presentation" height=${count * ROW}></td></tr>` : nothing;
}

function row(r: Row, index: number, stop: boolean): TemplateResult {
  const c = r.conversation;
  const chosen = conversationID.value === c.id;
  const made = c.behalf !== undefined;
  const open = unfolded.value.has(c.id);
  const name = `${nameOf(c.from)} to ${targetOf(c)}`;
  return html`<tr role="row" data-row=${r.key} aria-rowindex=${index + 2} aria-level="1" aria-expanded=${open} aria-selected=${chosen} tabindex=${stop ? 0 : -1} class=${`${chosen ? "chosen" : ""} ${made ? "made" : ""}`}>
    <td role="gridcell" class="mono"><button type="button" class="unfold" tabindex="-1" aria-label=${`${open ? "Hide" : "Show"} the packets of ${name}`}>${icon(open ? "shut" : "open")}</button>${clock(c.start / 1e6)}</td>
    <th scope="row" role="rowheader" title=${name}>${made ? html`<span class="muted" title="A proxy made this connection for the one above">↳ </span>` : nothing}<button type="button" class="link" tabindex="-1" aria-pressed=${chosen}>${name}</button> ${said(c)}</th>
    <td role="gridcell">${outcome(c)}</td>
    <td role="gridcell">${c.endpoints ? html`${c.endpoint} of ${c.endpoints} <span class="muted">${nameOf(c.to)}</span>` : nothing}</td>
    <td role="gridcell">${c.journeys.length}</td>
    <td role="gridcell">${duration(c.duration)}</td></tr>`;
}

function packetRow(r: Row, index: number, stop: boolean): TemplateResult {
  const [j, c] = [r.journey!, r.conversation];
  const chosen = journeyID.value === j.id;
  const tone = { delivered: "done", dropped: "dropped", rejected: "refused" }[j.verdict] ?? "underway";
  return html`<tr role="row" data-row=${r.key} aria-rowindex=${index + 2} aria-level="2" aria-selected=${chosen} tabindex=${stop ? 0 : -1} class=${`packet-row ${chosen ? "chosen" : ""}`}>
    <td role="gridcell" class="mono muted">+${duration(j.start - c.start)}</td>
    <th scope="row" role="rowheader" class="mono" title=${`${j.source} to ${j.destination}`}><span class="way" aria-hidden="true">${j.reply ? "←" : "→"}</span><span class="hidden">${j.reply ? "reply" : "request"}</span> ${j.summary}</th>
    <td role="gridcell"><span class=${`status ${tone}`}><i aria-hidden="true"></i>${j.verdict === "underway" ? "under way" : j.verdict}</span></td>
    <td role="gridcell" class="mono muted">${j.destination}</td>
    <td role="gridcell" class="muted">${j.protocol}</td>
    <td role="gridcell">${duration(j.duration)}</td></tr>`;
}

/** What was said, in one line; all of it is in its title. */
export function said(c: Conversation): TemplateResult | typeof nothing {
  if (c.exchanges.length === 0) return nothing;
  return html`<span class="exchange mono" title=${c.exchanges.slice(0, 20).map(exchangeText).join("\n")}>${exchangesText(c.exchanges)}</span>`;
}

export function outcome(c: Conversation): TemplateResult {
  const text = c.response || outcomeText[c.outcome];
  return html`<span class=${`status ${c.outcome}`}><i aria-hidden="true"></i>${text}</span>`;
}

customElements.define("journey-list", JourneyList);
