// An object's details: what it is, how it was wired, what happened to it.
import { html, nothing, type TemplateResult } from "lit-html";
import type { Container, Event, Vertex } from "../model";
import { closeObject, showObject } from "../state/selection";
import { from, to, urlOf } from "../state/sending";
import { edges, vertices } from "../state/store";
import { clock, nameOf, plural } from "../state/text";
import { eventsOf } from "./events";
import { statusOf } from "./objects";

export function objectView(v: Vertex): TemplateResult {
  return html`<div class="head"><h2><span class="kind">${v.kind}</span> ${nameOf(v.id)}</h2>
      <button type="button" class="icon" aria-label="Close, back to journeys" title="Back to journeys" @click=${closeObject}>×</button></div>
    ${v.kind === "Client" || v.kind === "Underlay" ? nothing : html`<p class="state">${statusOf(v)}</p>`}
    ${v.message ? html`<p class=${v.ready ? "message" : "message not-ready"}>${v.message}</p>` : nothing}
    ${explain(v)}
    ${actions(v)}
    <dl class="facts-list">${facts(v)}</dl>
    ${v.kind === "Service" ? endpoints(v) : owned(v)}
    ${v.containers?.length ? html`<h3>Containers</h3><ul class="cards">${v.containers.map(container)}</ul>` : nothing}
    ${v.wiring?.length ? html`<h3>Wiring</h3><p class="muted">Each step, as the command that would do the same.</p><ol class="wiring">${v.wiring.map((w) => html`<li><code>${w}</code></li>`)}</ol>` : nothing}
    ${eventList(eventsOf(v.id))}`;
}

function explain(v: Vertex): TemplateResult | typeof nothing {
  const ip = v.ips?.[0];
  if (v.kind === "Service" && ip && ip !== "None")
    return html`<p>No interface holds <code>${ip}</code>. It exists only as rules on every node, which kube-proxy writes: they put an endpoint's address in its place.</p>`;
  if (v.kind === "Client") return html`<p>A machine on the same wire as the nodes, outside the cluster. It runs no kube-proxy and has no routes to pods.</p>`;
  if (v.kind === "Node") return html`<p>A network namespace of its own, with a kubelet and a kube-proxy. Its pods hang on it, one veth each.</p>`;
  return nothing;
}

function actions(v: Vertex): TemplateResult | typeof nothing {
  const sends = v.kind === "Pod" || v.kind === "Node" || v.kind === "Client";
  const url = v.kind === "Pod" || v.kind === "Service" ? urlOf(v.id) : undefined;
  if (!sends && !url) return nothing;
  return html`<div class="actions">
    ${sends ? html`<button type="button" class="quiet" @click=${() => (from.value = v.id)}>Send from here</button>` : nothing}
    ${url ? html`<button type="button" class="quiet" @click=${() => (to.value = url)}>Send to here</button>` : nothing}
  </div>`;
}

function facts(v: Vertex): TemplateResult[] {
  const rows: [string, unknown][] = [];
  if (v.ips?.length) rows.push([v.ips.length > 1 ? "Addresses" : "Address", html`<span class="mono">${v.ips.join(", ")}</span>`]);
  if (v.namespace) rows.push(["Namespace", v.namespace]);
  if (v.parent) rows.push(["Node", link(v.parent)]);
  if (v.owner) rows.push(["Owner", link(v.owner)]);
  if (v.ports?.length)
    rows.push(["Ports", html`<span class="mono">${v.ports.map((p) => `${p.port}${p.target && p.target !== String(p.port) ? ` → ${p.target}` : ""}/${p.protocol}${p.nodePort ? `, node port ${p.nodePort}` : ""}`).join("; ")}</span>`]);
  const labels = Object.entries(v.labels ?? {});
  if (labels.length > 0) rows.push(["Labels", html`<span class="mono">${labels.map(([k, x]) => `${k}=${x}`).join(", ")}</span>`]);
  if (v.created) rows.push(["Created", clock(v.created)]);
  return rows.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`);
}

function link(id: string): TemplateResult {
  return vertices.value.has(id) ? html`<button type="button" class="link" @click=${() => showObject(id)}>${nameOf(id)}</button>` : html`${nameOf(id)}`;
}

function endpoints(v: Vertex): TemplateResult {
  const ends = [...edges.value.values()].filter((e) => e.from === v.id && e.kind === "endpoint");
  if (ends.length === 0) return html`<h3>Endpoints</h3><p class=${v.message ? "muted" : "bad"}>None${v.message ? "." : ": no Pod that is ready matches its selector."}</p>`;
  return html`<h3>Endpoints</h3><ul class="plain">${ends.map((e) => html`<li>${link(e.to)} <span class="mono muted">${vertices.value.get(e.to)?.ips?.[0] ?? ""}</span>${e.ready ? nothing : html` <span class="muted">not ready</span>`}</li>`)}</ul>`;
}

function owned(v: Vertex): TemplateResult | typeof nothing {
  const below = [...vertices.value.values()].filter((x) => x.owner === v.id || x.parent === v.id);
  if (below.length === 0) return nothing;
  return html`<h3>${v.kind === "Node" ? "Pods here" : "Owns"}</h3><ul class="plain">${below.map((x) => html`<li>${link(x.id)} <span class="muted">${x.kind}, ${x.status}</span></li>`)}</ul>`;
}

function container(c: Container): TemplateResult {
  return html`<li><b>${c.name}</b> <span class="muted">${c.reason || c.state}${c.restarts ? `, ${plural(c.restarts, "restart")}` : ""}</span>
    <span class="mono">${c.image}</span>${c.message ? html`<span class="bad">${c.message}</span>` : nothing}</li>`;
}

function eventList(events: Event[]): TemplateResult | typeof nothing {
  if (events.length === 0) return nothing;
  return html`<h3>Events</h3><ul class="plain events">${events.slice(0, 20).map((e) => html`<li class=${e.type === "Warning" ? "warning" : ""}>
    <b>${e.reason}</b>${(e.count ?? 1) > 1 ? ` ${e.count}×` : ""} <span class="muted">${clock(e.time)}</span><br>${e.message}</li>`)}</ul>`;
}
