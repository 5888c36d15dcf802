// <journey-list>: every conversation that was captured, newest first.
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { packetsURL } from "../state/api";
import { recorded } from "../state/data";
import { outcomeText, targetOf, type Conversation } from "../state/conversation";
import { exchangesText, exchangeText } from "../state/exchanges";
import { moveInList } from "../state/keys";
import { Part } from "../state/part";
import { conversationID, showConversation } from "../state/selection";
import { conversations, lost } from "../state/store";
import { clock, duration, nameOf } from "../state/text";

const SHOWN = 200;

class JourneyList extends Part {
  protected view(): TemplateResult {
    const all = conversations.value;
    if (all.length === 0) return html`<p class="empty">${recorded ? "No packets up to this moment." : "No packets yet. Send a request, and each of its packets is captured here, hop by hop."}</p>`;
    return html`${lostNote()}
      <table class="list" @keydown=${(e: KeyboardEvent) => moveInList(e, "button")}>
      <caption class="hidden">Conversations, newest first</caption>
      <thead><tr><th scope="col">Time</th><th scope="col">Conversation</th><th scope="col">Outcome</th><th scope="col">Endpoint</th><th scope="col">Packets</th><th scope="col">Took</th></tr></thead>
      <tbody>${repeat(all.slice(0, SHOWN), (c) => c.id, row)}</tbody></table>
      ${all.length > SHOWN ? html`<p class="empty">${all.length - SHOWN} older ones are not listed.</p>` : nothing}
      ${recorded ? nothing : html`<p class="empty"><a class="link" href=${packetsURL()} download>All that are kept, for Wireshark</a></p>`}`;
  }
}

function row(c: Conversation): TemplateResult {
  const chosen = conversationID.value === c.id;
  const made = c.behalf !== undefined;
  return html`<tr class=${`${chosen ? "chosen" : ""} ${made ? "made" : ""}`}>
    <td class="mono">${clock(c.start / 1e6)}</td>
    <th scope="row">${made ? html`<span class="muted" title="A proxy made this connection for the one above">↳ </span>` : nothing}<button type="button" class="link" aria-pressed=${chosen} @click=${() => showConversation(c)}>${nameOf(c.from)} to ${targetOf(c)}</button>${said(c)}</th>
    <td>${outcome(c)}</td>
    <td>${c.endpoints ? html`${c.endpoint} of ${c.endpoints} <span class="muted">${nameOf(c.to)}</span>` : nothing}</td>
    <td>${c.journeys.length}</td>
    <td>${duration(c.duration)}</td></tr>`;
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

export function lostNote(): TemplateResult | typeof nothing {
  const l = lost.value;
  return l && l.count > 0 ? html`<p class="lost" role="status">${l.count} events are not shown here: ${l.reason}.</p>` : nothing;
}

customElements.define("journey-list", JourneyList);
