// Looks inside a node, the client or the underlay: what the kernel says there, fetched when somebody asks.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Vertex } from "../model";
import { look, Problem } from "../state/api";
import { cni } from "../state/cluster";
import { copy } from "../state/copy";
import { moveInList } from "../state/keys";
import { session } from "../state/store";
import { clock } from "../state/text";

const LOOKS = [
  { at: "addr", command: "ip addr" },
  { at: "route", command: "ip route" },
  { at: "route6", command: "ip -6 route" },
  { at: "neigh", command: "ip neigh" },
  { at: "link", command: "ip -details link" },
  { at: "fdb", command: "bridge fdb" },
  { at: "nft", command: "nft list ruleset" },
  { at: "conntrack", command: "conntrack -L" },
  { at: "ss", command: "ss -tuna" },
  { at: "cni", command: "the CNI configuration" },
];

// What there is nothing of is not offered.
function offered(v: Vertex): typeof LOOKS {
  return LOOKS.filter((l) => (l.at === "cni" ? v.kind === "Node" : l.at === "route6" ? session.value?.options.dualStack : l.at === "fdb" ? v.kind === "Underlay" || cni.value !== "routed" : true));
}

interface Seen {
  node: string;
  at: string;
  state: "asking" | "here" | "failed";
  text: string;
  time: number; // ms since the epoch
}

const seen = signal<Seen | null>(null);
const copied = signal(false);

export function looks(v: Vertex): TemplateResult {
  const s = seen.value?.node === v.name ? seen.value : null;
  return html`<h3 id="looks">Look inside</h3>
    <div class="looks" role="tablist" aria-labelledby="looks" @keydown=${key}>
      ${offered(v).map((l, i) => html`<button type="button" role="tab" id=${`look-${l.at}`} data-at=${l.at} aria-selected=${s?.at === l.at} aria-controls="look"
        tabindex=${s?.at === l.at || (!s && i === 0) ? 0 : -1} title=${l.command} @click=${() => void fetchLook(v.name, l.at)}>${l.at}</button>`)}
    </div>
    ${s ? shown(s) : nothing}`;
}

function shown(s: Seen): TemplateResult {
  const command = LOOKS.find((l) => l.at === s.at)!.command;
  return html`<div id="look" class="look" role="tabpanel" aria-labelledby=${`look-${s.at}`} aria-busy=${s.state === "asking"}>
    <div class="look-bar"><span class="mono muted">${s.node}: ${command}${s.time ? `, ${clock(s.time)}` : ""}</span>
      <button type="button" class="quiet" data-copy ?disabled=${!s.text} @click=${() => void copyHere(s.text)}>${copied.value ? "Copied" : "Copy"}</button>
      <button type="button" class="quiet" data-refresh ?disabled=${s.state === "asking"} @click=${() => void fetchLook(s.node, s.at)}>Refresh</button></div>
    ${s.state === "failed" ? html`<p class="bad" role="alert">${s.text}</p>`
      : html`<pre tabindex="0" aria-label=${`${command} on ${s.node}`}>${s.text || (s.state === "asking" ? "…" : "It says nothing.")}</pre>`}
  </div>`;
}

async function fetchLook(node: string, at: string): Promise<void> {
  const old = seen.value;
  const again = old?.node === node && old.at === at && old.state !== "failed";
  const mine: Seen = { node, at, state: "asking", text: again ? old.text : "", time: again ? old.time : 0 };
  seen.value = mine;
  copied.value = false;
  let next: Seen;
  try {
    next = { ...mine, state: "here", text: (await look(node, at)).trimEnd(), time: Date.now() };
  } catch (e) {
    next = { ...mine, state: "failed", text: e instanceof Problem ? e.message : String(e), time: Date.now() };
  }
  if (seen.value === mine) seen.value = next; // else somebody has asked for another since
}

function key(event: KeyboardEvent): void {
  moveInList(event, "[role=tab]")?.click();
}

async function copyHere(text: string): Promise<void> {
  await copy(text);
  copied.value = true;
}
