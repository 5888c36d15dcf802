// A fault to be pushed: what is to be broken, and how badly. They are those of the playground.
import { html, nothing, type TemplateResult } from "lit-html";
import type { FaultSettings, Push } from "../model";
import { DNS, faultID, LINK, NAMES, type Preset } from "../state/faultkinds";

const NODES = [1, 2, 3, 4, 5]; // as many as a cluster may have; what one lacks is told among the results

let what = "dns";
let exact = false;

// What may be broken, by the kind of the fault and its target. A pod's name is asked for.
function targets(): [string, string][] {
  return [
    ["dns", "DNS"],
    ["link client", "The client's link"],
    ["link pod", "A pod's link"],
    ...NODES.flatMap((n): [string, string][] => [[`link node/node-${n}`, `node-${n}: its link`], [`cut node/node-${n}`, `node-${n}: cut off`], [`stop node/node-${n}`, `node-${n}: stopped`]]),
  ];
}

const presets = (): readonly Preset[] => (what === "dns" ? NAMES : what.startsWith("link") ? LINK : []);

export function faultFields(draw: () => void): TemplateResult {
  const field = (name: string, label: string, most: number, step = "1") => html`<label class="line"><span>${label}</span><input name=${name} type="number" inputmode="decimal" min="0" max=${most} step=${step} placeholder="0"></label>`;
  return html`<div class="two"><label class="line"><span>What</span><select name="what" @change=${(e: Event) => ((what = (e.target as HTMLSelectElement).value), draw())}>
      ${targets().map(([value, text]) => html`<option value=${value} .selected=${value === what}>${text}</option>`)}</select></label>
    ${what === "link pod" ? html`<label class="line"><span>Pod</span><input name="pod" class="mono" required placeholder="default/my-pod" autocapitalize="off" spellcheck="false" pattern="[^\\s\\/]+(\\/[^\\s\\/]+)?"></label>` : nothing}</div>
    ${presets().length === 0 ? nothing : html`<fieldset class="how-bad"><legend>How badly</legend>
      ${presets().map((p, i) => html`<label class="choice"><input type="radio" name="preset" value=${i} ?checked=${i === 0} @change=${() => ((exact = false), draw())}><span><b>${p.text}</b> <span class="muted">${p.title}</span></span></label>`)}
      <label class="choice"><input type="radio" name="preset" value="exact" @change=${() => ((exact = true), draw())}><span><b>Exactly</b></span></label></fieldset>
      ${exact ? html`<div class="exactly">${field("loss", "Loss, %", 100, "0.1")}${field("delayMs", "Delay, ms", 5000)}
        ${what === "dns" ? nothing : html`${field("jitterMs", "Jitter, ms", 5000)}${field("rateKbit", "Rate, kbit/s", 10_000_000)}`}</div>` : nothing}`}`;
}

/** What the form asks for. */
export function faultOf(f: FormData): Pick<Push, "fault" | "settings"> {
  const [kind, target] = String(f.get("what")).split(" ") as [string, string?];
  const pod = String(f.get("pod") ?? "").trim();
  const vertex = kind === "dns" ? DNS : target === "pod" ? `pod/${pod.includes("/") ? pod : `default/${pod}`}` : target!;
  const settings: FaultSettings = {};
  const preset = f.get("preset");
  if (preset === "exact") {
    for (const name of ["loss", "delayMs", "jitterMs", "rateKbit"] as const) {
      const value = Number(f.get(name) ?? 0);
      if (value > 0) settings[name] = value;
    }
  } else if (preset !== null) {
    Object.assign(settings, presets()[Number(preset)]?.settings);
  }
  return { fault: faultID(kind, vertex), settings };
}
