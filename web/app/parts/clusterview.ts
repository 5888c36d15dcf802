// What the cluster's panel says and does. Part of a later chunk.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Vertex } from "../model";
import { addNode, changing, cni, MOST_NODES, nodes, switchNetwork } from "../state/cluster";
import { data } from "../state/data";
import { session } from "../state/store";
import { brokenList } from "./faults";
import { nodeActions, note } from "./nodes";
import { statusOf } from "./objects";

/** The network that is chosen in the panel, before it is switched to. */
const wanted = signal<string | null>(null);

export function clusterView(): TemplateResult {
  return html`${network()}
    <section class="node-list"><h3>Nodes</h3>
      <ul>${nodes.value.map(nodeRow)}</ul>
      ${(nodes.value.length || (session.value?.options.nodes ?? 0)) < MOST_NODES
        ? html`<button type="button" class="quiet add-node" ?disabled=${changing.value !== null} @click=${() => void addNode()}>${changing.value === "nodes" ? "Adding a node…" : "Add a node"}</button>`
        : html`<p class="muted">A cluster has at most ${MOST_NODES} nodes here.</p>`}
      ${note("nodes")}</section>
    ${brokenList()}
    <p class="muted">${session.value?.options.dualStack ? "Dual stack: pods, nodes and Services have IPv6 addresses beside those of IPv4." : "IPv4 alone. Dual stack is chosen when a playground is opened."}</p>`;
}

function network(): TemplateResult {
  const chosen = wanted.value ?? cni.value;
  const busy = changing.value === "network";
  return html`<form class="network" @submit=${submit}>
    <fieldset ?disabled=${busy}><legend>Network</legend>
      ${(data?.cnis ?? []).map((c) => html`<label class="choice"><input type="radio" name="panel-cni" value=${c.name} .checked=${chosen === c.name} @change=${() => (wanted.value = c.name)}>
        <span><b>${c.name}</b> <span class="muted">${c.text}</span></span></label>`)}
    </fieldset>
    ${chosen === cni.value && !busy ? nothing : html`<div class="actions"><button class="primary switch" ?disabled=${busy}>${busy ? "Switching…" : `Switch to ${chosen}`}</button>
      <span class="muted">Pods stay, and are joined anew.</span></div>`}
    ${note("network")}</form>`;
}

async function submit(event: Event): Promise<void> {
  event.preventDefault();
  if (wanted.value) await switchNetwork(wanted.value);
  wanted.value = null;
}

function nodeRow(v: Vertex): TemplateResult {
  return html`<li data-node-frame><div class="node-row"><b>${v.name}</b> <span class="mono muted">${v.ips?.[0] ?? ""}</span> ${statusOf(v)}</div>${nodeActions(v, "panel")}</li>`;
}
