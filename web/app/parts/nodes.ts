// What can be done with a node, wherever it is shown: in the cluster's panel and
// among the node's details.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Vertex } from "../model";
import { changing, isCordoned, isStopped, refused, removeNode, tellNode } from "../state/cluster";
import { vertices } from "../state/store";
import { plural } from "../state/text";

/** The node whose removal waits for a yes, and where it was asked for. */
const asked = signal<{ id: string; where: string } | null>(null);

export function nodeActions(v: Vertex, where: string): TemplateResult {
  const busy = changing.value !== null;
  if (asked.value?.id === v.id && asked.value.where === where) return confirm(v);
  const [lock, lockText] = isCordoned(v) ? (["uncordon", "Uncordon"] as const) : (["cordon", "Cordon"] as const);
  const [power, powerText] = isStopped(v) ? (["start", "Start"] as const) : (["stop", "Stop"] as const);
  const of = html`<span class="hidden"> ${v.name}</span>`;
  return html`<div class="actions node-actions">
      <button type="button" class="quiet" ?disabled=${busy} title=${lock === "cordon" ? "No new pods are scheduled here; those that run stay" : "New pods may be scheduled here again"} @click=${() => void tellNode(v.name, lock)}>${lockText}${of}</button>
      <button type="button" class="quiet" ?disabled=${busy} title=${power === "stop" ? "As if its power were cut: the API notices when it stops to report" : "Its kubelet comes back and starts its pods again"} @click=${() => void tellNode(v.name, power)}>${powerText}${of}</button>
      <button type="button" class="quiet" ?disabled=${busy} data-remove @click=${(e: Event) => ask(e, v, where)}>Remove${of}</button>
    </div>${note(v.id)}`;
}

/** Why what was asked for did not happen. */
export function note(about: string): TemplateResult | typeof nothing {
  return refused.value?.about === about ? html`<p class="bad" role="alert">${refused.value.text}</p>` : nothing;
}

function confirm(v: Vertex): TemplateResult {
  const pods = [...vertices.value.values()].filter((p) => p.kind === "Pod" && p.parent === v.id).length;
  return html`<div class="confirm" role="group" aria-label=${`Remove ${v.name}?`}>
    <p>Remove <b>${v.name}</b>?${pods > 0 ? ` ${plural(pods, "pod")} on it ${pods === 1 ? "goes" : "go"} with it.` : ""}</p>
    <div class="actions"><button type="button" class="danger" data-yes @click=${() => { asked.value = null; void removeNode(v.name); }}>Remove ${v.name}</button>
      <button type="button" class="quiet" @click=${keep}>Keep it</button></div></div>`;
}

// The keyboard goes on where the question is, and back.
function ask(event: Event, v: Vertex, where: string): void {
  const frame = frameOf(event);
  asked.value = { id: v.id, where };
  frame?.querySelector<HTMLElement>("[data-yes]")?.focus();
}

function keep(event: Event): void {
  const frame = frameOf(event);
  asked.value = null;
  frame?.querySelector<HTMLElement>("[data-remove]")?.focus();
}

const frameOf = (event: Event) => (event.currentTarget as HTMLElement).closest("[data-node-frame]");
