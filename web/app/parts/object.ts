// An object's details: what it is, how it was wired, what happened to it.
import { html, nothing, type TemplateResult } from "lit-html";
import type { CNI, Condition, Container, Event, Rule, Vertex } from "../model";
import { recorded } from "../state/data";
import { closeObject, showObject } from "../state/selection";
import { from, to, urlOf } from "../state/sending";
import { edges, vertices } from "../state/store";
import { openAt } from "../state/terminals";
import { clock, nameOf, plural } from "../state/text";
import { eventsOf } from "./events";
import { explain } from "./explain";
import { termOf, showJourneysOf } from "./filter";
import { breakage } from "./faults";
import { looks } from "./look";
import { nodeActions } from "./nodes";
import { refOf, shownSide } from "../state/resource";
import { portsOf } from "./ports";
import { kindName, statusOf } from "./objects";
import { expandButton } from "./expand";
import { sides } from "./sides";

export function objectView(v: Vertex): TemplateResult {
  const place = v.kind === "Client" || v.kind === "Underlay" || v.kind === "ControlPlane";
  const ref = recorded ? undefined : refOf(v);
  const head = html`<div class="head"><h2><span class="kind">${kindName(v.kind)}</span> ${nameOf(v.id)}</h2>
      <span class="tools">${expandButton()}<button type="button" class="icon" aria-label="Close, back to journeys" title="Back to journeys" @click=${closeObject}>×</button></span></div>
    ${place ? nothing : html`<p class="state">${statusOf(v)}</p>`}
    ${ref ? sides(ref) : nothing}`;
  if (ref && shownSide.value !== "overview") return head;
  return html`${head}
    ${v.message ? html`<p class=${v.ready ? "message" : "message not-ready"}>${v.message}</p>` : nothing}
    ${explain(v)}
    ${recorded ? nothing : actions(v)}
    ${v.kind === "Node" && !recorded ? html`<div data-node-frame>${nodeActions(v, "details")}</div>` : nothing}
    ${recorded ? nothing : breakage(v)}
    <dl class="facts-list">${facts(v)}</dl>
    ${v.rules?.length ? rules(v, v.rules) : nothing}
    ${v.kind === "Service" ? endpoints(v) : owned(v)}
    ${linked(v)}
    ${v.containers?.length ? html`<h3>Containers</h3><ul class="cards">${v.containers.map((c) => container(c, v))}</ul>` : nothing}
    ${!recorded && (v.kind === "Node" || v.kind === "Client" || v.kind === "Underlay") ? looks(v) : nothing}
    ${v.conditions?.length ? html`<h3>Conditions</h3><ul class="plain conditions">${v.conditions.map(condition)}</ul>` : nothing}
    ${v.wiring?.length ? html`<h3>Wiring</h3><p class="muted">Each step, as the command that would do the same.</p><ol class="wiring">${v.wiring.map((w) => html`<li><code>${w}</code></li>`)}</ol>` : nothing}
    ${v.cni ? cniCall(v.cni) : nothing}
    ${eventList(eventsOf(v.id))}`;
}

function actions(v: Vertex): TemplateResult | typeof nothing {
  const sends = v.kind === "Pod" || v.kind === "Node" || v.kind === "Client";
  const url = v.kind === "Pod" || v.kind === "Service" || v.kind === "Ingress" ? urlOf(v.id) : undefined;
  const term = termOf(v);
  const opens = portsOf(v);
  if (!sends && !url && !term && opens.length === 0) return nothing;
  return html`<div class="actions">
    ${sends ? html`<button type="button" class="quiet" @click=${() => (from.value = v.id)}>Send from here</button>
    <button type="button" class="quiet" data-shell @click=${() => openAt(v.kind === "Client" ? "client" : v.id)}>Open a terminal here</button>` : nothing}
    ${url ? html`<button type="button" class="quiet" @click=${() => (to.value = url)}>Send to here</button>` : nothing}
    ${opens.map((o) => html`<a class="quiet" href=${o.url} target="_blank" rel="noopener noreferrer" title="As a browser on the learner's machine would">Open ${o.name}</a>`)}
    ${term ? html`<button type="button" class="quiet journeys-of" @click=${() => showJourneysOf(term)}>Journeys of this ${v.kind === "NetworkPolicy" ? "policy" : v.kind === "Pod" || v.kind === "Service" ? v.kind : v.kind.toLowerCase()}</button>` : nothing}
  </div>`;
}

function facts(v: Vertex): TemplateResult[] {
  const rows: [string, unknown][] = [];
  if (v.ips?.length) rows.push([v.kind === "Service" ? "Cluster IP" : v.ips.length > 1 ? "Addresses" : "Address", html`<span class="mono">${v.ips.join(", ")}</span>`]);
  if (v.external?.length) rows.push(["From outside", html`<span class="mono">${v.external.join(", ")}</span>`]);
  if (v.namespace) rows.push(["Namespace", v.namespace]);
  if (v.parent) rows.push(["Node", link(v.parent)]);
  if (v.owner) rows.push(["Owner", link(v.owner)]);
  if (v.ports?.length)
    rows.push(["Ports", html`<span class="mono">${v.ports.map((p) => `${p.port}${p.target && p.target !== String(p.port) ? ` → ${p.target}` : ""}/${p.protocol}${p.nodePort ? `, node port ${p.nodePort}` : ""}`).join("; ")}</span>`]);
  for (const f of v.facts ?? []) rows.push([f.name, html`<span class="mono">${f.value}</span>`]);
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

// A rule's words, and the Service that it leads to.
function rules(v: Vertex, all: Rule[]): TemplateResult {
  return html`<h3>Rules</h3><ul class="cards rules">${all.map((r) => html`<li>
    ${r.host || r.path || r.to ? html`<span class="asked"><span class="mono">${r.host || "any host"}${r.path ?? ""}</span> <span class="muted">${r.text ?? ""}</span></span>` : r.text}
    ${r.to ? html`<span>to ${link(r.to)}${r.port ? html`<span class="muted">, port ${r.port}</span>` : nothing}${vertices.value.has(r.to) ? nothing : html` <span class="bad">does not exist</span>`}</span>` : nothing}</li>`)}</ul>
    ${v.kind === "NetworkPolicy" ? html`<p class="muted">What no rule of any policy lets through is dropped, for the pods below.</p>` : nothing}`;
}

// What leads here, and what a policy or a Gateway is about.
function linked(v: Vertex): TemplateResult[] {
  const all = [...edges.value.values()];
  const ends = (title: string, ids: string[]) =>
    ids.length === 0 ? [] : [html`<h3>${title}</h3><ul class="plain">${ids.sort().map((id) => html`<li>${link(id)} <span class="muted">${vertices.value.get(id)?.kind ?? ""}</span></li>`)}</ul>`];
  return [
    ...ends("Isolated by", all.filter((e) => e.kind === "policy" && e.to === v.id).map((e) => e.from)),
    ...ends("Selected pods", all.filter((e) => e.kind === "policy" && e.from === v.id).map((e) => e.to)),
    ...ends("Reached through", all.filter((e) => (e.kind === "backend" || (e.kind === "endpoint" && v.kind === "Pod")) && e.to === v.id).map((e) => e.from)),
    ...ends("Routes", all.filter((e) => e.kind === "parent" && e.from === v.id).map((e) => e.to)),
    ...ends("Attached to", all.filter((e) => e.kind === "parent" && e.to === v.id).map((e) => e.from)),
  ];
}

function condition(c: Condition): TemplateResult {
  return html`<li><b>${c.type}</b> ${c.status}${c.reason ? html` <span class="muted">${c.reason}</span>` : nothing}${c.message ? html`<br><span class="muted">${c.message}</span>` : nothing}</li>`;
}

function cniCall(c: CNI): TemplateResult {
  return html`<h3>CNI</h3><p class="muted">As CNI's ADD: what the plugin <code>${c.plugin}</code> would be told and would answer for the same.</p>
    ${c.args?.length ? html`<details class="call" open><summary>Environment</summary><pre tabindex="0">${c.args.join("\n")}</pre></details>` : nothing}
    <details class="call"><summary>Configuration</summary><pre tabindex="0">${c.config}</pre></details>
    <details class="call" open><summary>Result</summary><pre tabindex="0">${c.result}</pre></details>`;
}

function owned(v: Vertex): TemplateResult | typeof nothing {
  const below = [...vertices.value.values()].filter((x) => x.owner === v.id || x.parent === v.id);
  if (below.length === 0) return nothing;
  return html`<h3>${v.kind === "Node" ? "Pods here" : "Owns"}</h3><ul class="plain">${below.map((x) => html`<li>${link(x.id)} <span class="muted">${x.kind}, ${x.status}</span></li>`)}</ul>`;
}

function container(c: Container, of: Vertex): TemplateResult {
  const shell = !recorded && (of.containers?.length ?? 0) > 1;
  return html`<li><b>${c.name}</b> <span class="muted">${c.reason || c.state}${c.restarts ? `, ${plural(c.restarts, "restart")}` : ""}</span>
    <span class="mono">${c.image}</span>${c.message ? html`<span class="bad">${c.message}</span>` : nothing}
    ${shell ? html`<button type="button" class="quiet shell" data-shell=${c.name} @click=${() => openAt(`${of.id}/${c.name}`)}>Shell<span class="hidden"> in ${c.name}</span></button>` : nothing}</li>`;
}

function eventList(events: Event[]): TemplateResult | typeof nothing {
  if (events.length === 0) return nothing;
  return html`<h3>Events</h3><ul class="plain events">${events.slice(0, 20).map((e) => html`<li class=${e.type === "Warning" ? "warning" : ""}>
    <b>${e.reason}</b>${(e.count ?? 1) > 1 ? ` ${e.count}×` : ""} <span class="muted">${clock(e.time)}</span><br>${e.message}</li>`)}</ul>`;
}
