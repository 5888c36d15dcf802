// <class-tools>: who is listed and in which order, and what is done with those who were chosen.
import { html, nothing, type TemplateResult } from "lit-html";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { lessonOf } from "./given";
import { openPush } from "./open";
import { ONLY, type Only, type Sort, SORTS } from "./order";
import { chooseNone, chosen, filter, filtered, rows, sort, sortAgain, stale } from "./rows";
import { isClosed, members } from "./store";

class ClassTools extends Part {
  protected view(): TemplateResult {
    const f = filter.value;
    const picked = chosen.value;
    return html`<div class="tools" role="search" aria-label="Filter and order">
      <input type="search" id="people-filter" placeholder="Filter names" aria-label="Filter names" aria-keyshortcuts="/" autocomplete="off" spellcheck="false" .value=${f.text} @input=${(e: Event) => (filter.value = { ...filter.peek(), text: (e.target as HTMLInputElement).value })}>
      <label><span class="hidden">Who is listed</span><select class="only" @change=${(e: Event) => (filter.value = { ...filter.peek(), only: (e.target as HTMLSelectElement).value as Only })}>
        ${ONLY.map(([o, text]) => html`<option value=${o} .selected=${o === f.only}>${text}</option>`)}</select></label>
      <label><span class="by">by</span> <select class="sort" aria-label="Order" @change=${(e: Event) => (sort.value = (e.target as HTMLSelectElement).value as Sort)}>
        ${SORTS.map(([s, text]) => html`<option value=${s} .selected=${s === sort.value}>${text}</option>`)}</select></label>
      ${f.at ? html`<button type="button" class="term" aria-label=${`Remove ${place(f.at)} from the filter`} title="Remove" @click=${() => (filter.value = { ...filter.peek(), at: null })}>${place(f.at)}<span aria-hidden="true">×</span></button>` : nothing}
      <span class="muted listed" role="status">${filtered.value ? `${rows.value.length} of ${plural(members.value.size, "person", "people")}` : ""}</span>
      <button type="button" class=${`link again ${stale.value ? "" : "rest"}`} ?disabled=${!stale.value} title="Somebody would be in another place by now" @click=${sortAgain}>Sort again</button>
      <span class="space"></span>
      ${picked.length > 0
        ? html`<span class="picked"><b>${picked.length} chosen</b> <button type="button" class="quiet" ?disabled=${isClosed.value} @click=${() => openPush(picked)}>Push to ${picked.length === 1 ? "them" : `the ${picked.length}`}…</button> <button type="button" class="link" @click=${chooseNone}>None</button></span>`
        : html`<span class="muted picked">Choose people to push to them alone</span>`}
    </div>`;
  }
}

const place = (at: { lesson: string; step: number }): string => (at.lesson ? `${lessonOf(at.lesson)?.title ?? at.lesson}, step ${at.step}` : "In no lesson");

customElements.define("class-tools", ClassTools);
