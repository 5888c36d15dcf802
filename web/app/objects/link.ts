// Names of objects, to be clicked.
import { html, nothing, type TemplateResult } from "lit-html";
import { type Ref, showResource, type Side } from "../state/resource";

export function linkTo(ref: Ref, o: { kind?: boolean; from?: string; at?: Side } = {}): TemplateResult {
  const name = ref.namespace && ref.namespace !== o.from && ref.namespace !== "default" ? `${ref.namespace}/${ref.name}` : ref.name;
  return html`<button type="button" class="link" @click=${() => showResource(ref, o.at)}>${name}</button>${o.kind ? html` <span class="muted">${ref.kind}</span>` : nothing}`;
}

export interface Condition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
}

/** Conditions as objects have them; nothing for what are none. */
export function conditions(of: unknown): TemplateResult | typeof nothing {
  const all = (Array.isArray(of) ? of : []).filter((c): c is Condition => typeof (c as Condition | null)?.type === "string");
  if (all.length === 0) return nothing;
  return html`<h3>Conditions</h3><ul class="plain conditions">${all.map((c) => html`<li><b>${c.type}</b> ${String(c.status ?? "")}${c.reason ? html` <span class="muted">${String(c.reason)}</span>` : nothing}${c.message ? html`<br><span class="muted">${String(c.message)}</span>` : nothing}</li>`)}</ul>`;
}
