// Breaking something on purpose: among the details of a node, a pod, the client and the
// cluster's DNS, and the list of all that is broken in the cluster's panel.
import { html, nothing, type TemplateResult } from "lit-html";
import type { Fault, FaultSettings, Vertex } from "../model";
import { changing, isStopped } from "../state/cluster";
import { LINK, NAMES, type Preset } from "../state/faultkinds";
import { aboutOf, breakIt, DNS, faults, faultsOf, isCutOff, kill, mend, mendAll, subjectOf } from "../state/faults";
import { showObject } from "../state/selection";
import { nameOf } from "../state/text";
import { note } from "./nodes";

/** What can be broken of an object, and what is. */
export function breakage(v: Vertex): TemplateResult | typeof nothing {
  const link = (v.kind === "Pod" && (v.ips?.length ?? 0) > 0) || v.kind === "Client" || (v.kind === "Node" && !isStopped(v));
  const dns = v.id === DNS;
  const now = faultsOf(v.id).filter((f) => f.kind !== "stop"); // Start is among the node's own
  if (!link && !dns && now.length === 0) return nothing;
  return html`<section class="breakage" aria-label="Faults">
    ${now.length > 0 ? html`<ul class="fault-list">${now.map((f) => row(f, false))}</ul>` : nothing}
    <details class="break"><summary>Break something</summary>
      <div class="break-body">
        <div class="break-choices">${dns ? presets("dns", v.id, NAMES) : link ? presets("link", v.id, LINK) : nothing}
          ${v.kind === "Node" && !isStopped(v) ? nodeChoices(v) : nothing}
          ${v.kind === "Pod" ? killChoices(v) : nothing}</div>
        ${dns ? exact("dns", v.id) : link ? exact("link", v.id) : nothing}
      </div></details>
    ${note(aboutOf(v.id))}</section>`;
}

function button(text: string, title: string, act: () => Promise<void>): TemplateResult {
  return html`<button type="button" class="quiet" title=${title} ?disabled=${changing.value !== null} @click=${() => void act()}>${text}</button>`;
}

// A preset adds to what a link or DNS suffers from already.
function presets(kind: string, target: string, all: readonly Preset[]): TemplateResult[] {
  return all.map((p) => button(p.text, p.title, () => breakIt(kind, target, { ...settingsOf(kind, target), ...p.settings })));
}

const settingsOf = (kind: string, target: string): FaultSettings => faultsOf(target).find((f) => f.kind === kind)?.settings ?? {};

function nodeChoices(v: Vertex): TemplateResult {
  return html`${isCutOff(v) ? nothing : button("Cut off", "Its cable is pulled: what runs on it goes on, and nobody hears of it", () => breakIt("cut", v.id, {}))}
    ${button("Stop", "As if its power were cut", () => breakIt("stop", v.id, {}))}`;
}

function killChoices(v: Vertex): TemplateResult[] {
  const running = (v.containers ?? []).filter((c) => c.state === "running");
  return running.map((c) => button(running.length > 1 ? `Kill ${c.name}` : "Kill container", `kill -9 of ${c.name}'s first process, behind the kubelet's back`, () => kill(v.id, c.name)));
}

function exact(kind: "link" | "dns", target: string): TemplateResult {
  const now = settingsOf(kind, target);
  const field = (name: string, label: string, value: number | undefined, most: number, step = "1") =>
    html`<label><span>${label}</span><input name=${name} type="number" inputmode="decimal" min="0" max=${most} step=${step} .value=${String(value ?? "")} placeholder="0"></label>`;
  return html`<form class="break-exact" @submit=${(e: Event) => submit(e, kind, target)}>
    ${field("loss", "Loss, %", now.loss, 100, "0.1")}
    ${field("delayMs", "Delay, ms", now.delayMs, 5000)}
    ${kind === "link" ? html`${field("jitterMs", "Jitter, ms", now.jitterMs, 5000)}
      ${field("rateKbit", "Rate, kbit/s", now.rateKbit, 10_000_000)}
      <label><span>Direction</span><select name="direction" .value=${now.direction ?? ""}>
        <option value="">both</option><option value="in">to ${nameOf(target)}</option><option value="out">from ${nameOf(target)}</option></select></label>` : nothing}
    <button class="quiet" ?disabled=${changing.value !== null}>Set</button></form>`;
}

function submit(event: Event, kind: "link" | "dns", target: string): void {
  event.preventDefault();
  const form = new FormData(event.currentTarget as HTMLFormElement);
  const settings: FaultSettings = {};
  for (const name of ["loss", "delayMs", "jitterMs", "rateKbit"] as const) {
    const value = Number(form.get(name) ?? 0);
    if (value > 0) settings[name] = value;
  }
  const direction = form.get("direction");
  if (direction) settings.direction = String(direction);
  void breakIt(kind, target, settings);
}

function row(f: Fault, named: boolean): TemplateResult {
  return html`<li>${named ? html`<button type="button" class="link" @click=${() => showObject(f.target)}>${subjectOf(f)}</button>` : html`<span class="fault-what">${f.kind === "link" ? "Its link" : f.kind === "dns" ? "Its answers" : ""}</span>`}
    <span class="fault-text">${f.text}</span>
    <button type="button" class="quiet" ?disabled=${changing.value !== null} @click=${() => void mend(f)}>Undo<span class="hidden"> ${subjectOf(f)}, ${f.text}</span></button></li>`;
}

/** All that is broken, for the cluster's panel. */
export function brokenList(): TemplateResult {
  const all = faults.value;
  return html`<section class="broken"><h3>Broken on purpose</h3>
    ${all.length === 0
      ? html`<p class="muted">Nothing. A node, a pod, the client or DNS can be broken among its details.</p>`
      : html`<ul class="fault-list">${all.map((f) => row(f, true))}</ul>`}
    <div class="actions">${all.length > 1 ? button("Undo all", "Mend everything", mendAll) : nothing}
      ${all.some((f) => f.kind === "dns") ? nothing : presets("dns", DNS, NAMES.slice(0, 1))}</div>
    ${note(aboutOf("all"))}${note(aboutOf(DNS))}</section>`;
}
