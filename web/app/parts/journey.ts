// A conversation as its packets, and one packet as the ordered list of its hops.
import { html, nothing, type TemplateResult } from "lit-html";
import type { Header, Hop, Journey } from "../model";
import { packetsURL } from "../state/api";
import { isDecided, outcomeText, targetOf, type Conversation } from "../state/conversation";
import { recorded } from "../state/data";
import { exchangesText } from "../state/exchanges";
import { moveInList } from "../state/keys";
import { dismissJourney, hop, journey, request, showConversation, showHop, showJourney } from "../state/selection";
import { duration, nameOf, placeOf, plural } from "../state/text";
import { outcome } from "./journeys";
import { advice, objectLink, why } from "./why";

export function recentView(all: Conversation[]): TemplateResult {
  return html`<h2>Journeys</h2>
    <ul class="recent">${all.slice(0, 30).map((c) => html`<li><button type="button" class="row" @click=${() => showConversation(c)}>
      <b>${nameOf(c.from)} to ${targetOf(c)}</b>${outcome(c)}</button></li>`)}</ul>`;
}

export function journeyView(c: Conversation): TemplateResult {
  const j = journey.value ?? c.journeys[0];
  const facts = [c.journeys[0]?.protocol, plural(c.journeys.length, "packet"), duration(c.duration), exchangesText(c.exchanges)];
  return html`
    <div class="head"><h2>${nameOf(c.from)} to ${targetOf(c)}, ${outcomeText[c.outcome]}</h2>
      <button type="button" class="icon" aria-label="Back to all journeys" title="All journeys" @click=${dismissJourney}>×</button></div>
    <p class="facts mono">${facts.filter(Boolean).join(", ")} ${recorded ? nothing : html`<a class="link" href=${packetsURL({ conversation: c.id })} download title="These packets, with what decided each as comments, for Wireshark">pcapng</a>`}</p>
    ${request.value.length > 1 ? connections(c, request.value) : nothing}
    <div class="packets" role="listbox" aria-label="Packets of this conversation" aria-orientation="horizontal" @keydown=${packetKey}>
      ${c.journeys.map((p) => packet(p, p === j))}
    </div>
    ${j ? hopList(j) : nothing}`;
}

// What a proxy does is seen as two connections of one request.
function connections(c: Conversation, all: Conversation[]): TemplateResult {
  return html`<ol class="connections" aria-label="Connections of this request">${all.map((x, i) => html`<li><button type="button" aria-pressed=${x.id === c.id} @click=${() => showConversation(x)}>
    <span class="n">${i + 1}</span><span><b>${nameOf(x.from)} to ${targetOf(x)}</b> <span class="muted">${i === 0 ? "the sender's connection" : "made by the proxy"}</span></span></button></li>`)}</ol>`;
}

function packet(p: Journey, chosen: boolean): TemplateResult {
  const bad = p.verdict === "dropped" || p.verdict === "rejected";
  return html`<button type="button" role="option" aria-selected=${chosen} tabindex=${chosen ? 0 : -1} class=${`packet ${p.reply ? "reply" : ""} ${bad ? "bad" : ""}`}
    data-journey=${p.id} @click=${() => showJourney(p.id)}><span aria-hidden="true">${p.reply ? "←" : "→"}</span><span class="hidden">${p.reply ? "reply" : "request"}</span> ${p.summary}</button>`;
}

function packetKey(event: KeyboardEvent): void {
  const next = moveInList(event, "[role=option]");
  if (next) showJourney(next.dataset.journey!);
}

function hopList(j: Journey): TemplateResult {
  const hops = j.hops ?? [];
  if (hops.length === 0) return html`<p class="muted">This packet was seen, but none of its hops were.</p>`;
  return html`<ol class="hops" aria-label="Hops of this packet" @keydown=${hopKey}>
    ${hops.map((h, i) => hopItem(h, i, j))}
  </ol>
  <p class=${`verdict ${j.verdict}`}>${verdictText(j)}</p>
  ${j.defect ? html`<p class="bad defect" role="alert">${j.defect}</p>` : nothing}
  ${j.why ? why(j.why) : nothing}
  ${j.advice?.length ? advice("What would let it through", j.advice) : nothing}`;
}

function hopKey(event: KeyboardEvent): void {
  if (!(event.target as Element).matches(".hop-button")) return;
  const next = moveInList(event, ".hop-button");
  if (next) showHop(Number(next.dataset.index));
}

function hopItem(h: Hop, i: number, j: Journey): TemplateResult {
  const on = hop.value === i;
  const bad = i === j.hops!.length - 1 && (j.verdict === "dropped" || j.verdict === "rejected");
  const d = h.decision;
  return html`<li class=${`${on ? "on" : ""} ${isDecided(h) ? "decided" : ""} ${bad ? "bad" : ""}`}>
    <button type="button" class="hop-button" data-index=${i} aria-current=${on ? "step" : nothing} tabindex=${on || (hop.value < 0 && i === 0) ? 0 : -1} @click=${() => showHop(i)}>
      <span class="n">${i + 1}</span><span class="where">${placeOf(h.place)}</span><span class="time mono">${i > 0 && j.hops![i - 1]!.time === h.time ? nothing : duration(h.time)}</span></button>
    <div class="what">
      ${h.before ? changed(h.before, h.header) : html`<p class="mono header">${h.header.source} → ${h.header.destination}</p>`}
      ${h.header.encap ? html`<p class="mono encap">inside ${h.header.encap}</p>` : nothing}
      <p class="sentence">${h.sentence || d?.sentence}</p>
      ${d?.object ? html`${objectLink(d.object)}${d.path ? html` <code class="path">${d.path}</code>` : nothing}` : nothing}
      ${d?.rule ? html`<pre class="rule" tabindex=${on ? 0 : -1} aria-label="The rule, in the node's words">${[d.table && `table ${d.table}`, d.chain && `chain ${d.chain}`].filter(Boolean).join(", ")}${d.table || d.chain ? "\n" : ""}${d.rule}</pre>` : nothing}
    </div></li>`;
}

// What the header was and what it became, with what differs marked.
function changed(before: Header, after: Header): TemplateResult {
  const part = (was: string, now: string) => (was === now ? now : html`<mark>${now}</mark>`);
  return html`<dl class="changed mono">
    <dt>was</dt><dd>${before.source} → ${before.destination}</dd>
    <dt>now</dt><dd>${part(before.source, after.source)} → ${part(before.destination, after.destination)}</dd></dl>`;
}

function verdictText(j: Journey): string {
  switch (j.verdict) {
    case "delivered":
      return `Delivered to ${nameOf(j.to || j.destination)}${j.duration > 0 ? ` after ${duration(j.duration)}` : ""}.`;
    case "dropped":
      return "Dropped here: nobody is told.";
    case "rejected":
      return "Rejected here: the sender is told at once.";
    default:
      return j.to === "control-plane" && j.hops?.at(-1)?.place.vertex === "underlay" ? "Reached the control plane, which is not looked into." : "Not seen any further.";
  }
}
