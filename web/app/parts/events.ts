// <event-list>: the cluster's events, newest first.
import { html, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Event } from "../model";
import { recorded } from "../state/data";
import { Part } from "../state/part";
import { showObject } from "../state/selection";
import { events, vertices } from "../state/store";
import { clock, idOf, nameOf } from "../state/text";

class EventList extends Part {
  protected view(): TemplateResult {
    const all = events.value.toReversed();
    if (all.length === 0) return html`<p class="empty">${recorded ? "No events up to this moment." : "No events yet. Kubernetes writes one whenever it does something for you."}</p>`;
    return html`<table class="list">
      <caption class="hidden">Events, newest first</caption>
      <thead><tr><th scope="col">Time</th><th scope="col">Reason</th><th scope="col">Object</th><th scope="col">Message</th></tr></thead>
      <tbody>${repeat(all, (e) => `${e.time} ${e.reason} ${idOf(e.object)} ${e.message}`, row)}</tbody>
    </table>`;
  }
}

function row(e: Event): TemplateResult {
  const id = idOf(e.object);
  return html`<tr class=${e.type === "Warning" ? "warning" : ""}>
    <td class="mono">${clock(e.time)}</td>
    <td>${e.type === "Warning" ? html`<span class="hidden">Warning: </span>` : ""}${e.reason}${(e.count ?? 1) > 1 ? html` <span class="muted">${e.count}×</span>` : ""}</td>
    <td>${vertices.value.has(id) ? html`<button type="button" class="link" @click=${() => showObject(id)}>${nameOf(id)}</button>` : nameOf(id)} <span class="muted">${e.object.kind}</span></td>
    <td class="wide">${e.message}</td></tr>`;
}

/** Events of one object, newest first, for its details. */
export function eventsOf(id: string): Event[] {
  return events.value.filter((e) => idOf(e.object) === id).toReversed();
}

customElements.define("event-list", EventList);
