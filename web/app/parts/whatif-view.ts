// What <what-if> shows: what is tried, what became of conversations, and the table.
import { html, nothing, type TemplateResult } from "lit-html";
import { applied, text } from "../editor/text";
import type { ApplyResult, ChangedConversation } from "../model";
import { showConversation } from "../state/selection";
import { conversations } from "../state/store";
import { clock, idOf, nameOf, plural } from "../state/text";
import { answer, applyIt, again, ask, asked, asking, policies, problem, stale, summary, trial } from "./whatif-ask";
import { focusCell, tableView } from "./whatif-table";

/** Called when the tab is looked at: how things are is asked anew. */
export function shown(): void {
  if (!asking.peek() && (answer.peek() === null || (trial.peek().kind === "now" && stale.peek()))) void ask({ kind: "now" });
}

export const drawn = focusCell;

export function view(): TemplateResult {
  return html`${bar()}
    <p class="what-said" role="status">${asking.value ? "Asking…" : summary()}
      ${!asking.value && answer.value ? html`<span class="muted">As of ${clock(asked.value)}${stale.value ? "; the cluster has changed since" : ""}.</span>` : nothing}
      ${answer.value ? html`<button type="button" class="link" @click=${() => void again()}>Look again</button>` : nothing}</p>
    ${problem.value ? html`<p class="bad what-problem">${problem.value}</p>` : nothing}
    ${results()}
    ${trial.value.kind === "now" ? explanation() : changedList()}
    ${answer.value ? tableView() : nothing}`;
}

function bar(): TemplateResult {
  const t = trial.value;
  const written = text.value.trim() !== "";
  const tried = t.kind === "editor" && t.text === text.value && (answer.value?.results ?? []).some((r) => !r.errors?.length && r.action !== "ignored");
  return html`<div class="what-bar">
    <button type="button" class="quiet" aria-pressed=${t.kind === "now"} @click=${() => void ask({ kind: "now" })}>As it is now</button>
    <button type="button" class="quiet try" aria-pressed=${t.kind === "editor"} ?disabled=${!written} title=${written ? "" : "There is nothing in the editor"}
      @click=${() => void ask({ kind: "editor", text: text.value })}>Try the editor's policies</button>
    <label class="field"><span>try deleting</span><select name="policy" ?disabled=${policies.value.length === 0} @change=${remove}>
      <option value="" ?selected=${t.kind !== "delete"}>${policies.value.length === 0 ? "no policies" : "a policy"}</option>
      ${policies.value.map((p) => html`<option value=${p} ?selected=${t.kind === "delete" && t.policy === p}>${nameOf(`networkpolicy/${p}`)}</option>`)}</select></label>
    ${tried ? html`<button type="button" class="primary what-apply" ?disabled=${applied.value.kind === "applying" || asking.value} title="Applies all that stands in the editor"
      @click=${() => void applyIt()}>${applied.value.kind === "applying" ? "Applying" : "Apply"}</button>` : nothing}
  </div>`;
}

function remove(event: Event): void {
  const policy = (event.target as HTMLSelectElement).value;
  void ask(policy === "" ? { kind: "now" } : { kind: "delete", policy });
}

// What the API says of the documents; those that it would take go without saying.
function results(): TemplateResult | typeof nothing {
  if (trial.value.kind !== "editor") return nothing;
  const all = answer.value?.results ?? [];
  const wrong = all.filter((r) => r.errors?.length || r.warnings?.length);
  const ignored = all.filter((r) => r.action === "ignored").length;
  if (wrong.length + ignored === 0) return nothing;
  return html`<ul class="what-results">${wrong.map(result)}
    ${ignored > 0 ? html`<li class="muted">${plural(ignored, "document")} of other kinds ${ignored === 1 ? "is" : "are"} not tried here.</li>` : nothing}</ul>`;
}

function result(r: ApplyResult): TemplateResult {
  const name = r.object ? `${r.object.kind} ${nameOf(idOf(r.object))}` : `Document ${r.document}`;
  return html`<li><b>${name}</b> ${r.errors?.length ? html`<span class="bad">would not be taken</span>` : nothing}
    ${(r.errors ?? []).map((e) => html`<p class="bad">${e.line > 0 ? `line ${e.line} ` : ""}${e.field ? html`<code>${e.field}</code> ` : nothing}${e.message}</p>`)}
    ${(r.warnings ?? []).map((w) => html`<p class="warn">Warning: ${w}</p>`)}</li>`;
}

function explanation(): TemplateResult {
  return html`<p class="what-about muted">Write a NetworkPolicy in the editor and try it here: before it is applied you see which conversations it would cut or allow, and who could reach whom.
    Below is how policies have it now. They alone are asked: not whether a pod is ready, nor whether anybody listens.</p>`;
}

function changedList(): TemplateResult | typeof nothing {
  const w = answer.value;
  if (!w) return nothing;
  const all = w.conversations ?? [];
  return html`<section class="what-conversations" aria-labelledby="what-conversations">
    <h2 id="what-conversations">Conversations now going on that would change</h2>
    ${all.length === 0 ? nothing : html`<ul>${all.map(changed)}</ul>`}
    <p class="muted">${plural(w.seen, "conversation was", "conversations were")} seen in the last ${plural(Math.round(w.window / 60), "minute")}, among the journeys that are kept${all.length === 0 && w.seen > 0 ? "; none of them would change" : ""}.
      A connection that is open goes on under a new policy: the next one is what changes.</p>
  </section>`;
}

function changed(c: ChangedConversation): TemplateResult {
  const to = c.service ? `${nameOf(idOf(c.service))} (${nameOf(c.to)}` : `${nameOf(c.to)} (`;
  const name = `${nameOf(c.from)} to ${to}${c.service ? ", " : ""}${c.protocol}${c.port ? ` ${c.port}` : ""})`;
  const known = conversations.value.find((x) => x.id === c.id);
  return html`<li class=${c.change}><b class="what-mark">${c.change === "cut" ? "✕ cut" : "✓ allowed"}</b>
    <span>${known ? html`<button type="button" class="link" @click=${() => showConversation(known)}>${name}</button>` : name}
      <span class="muted">${c.count > 1 ? `${c.count} times, ` : ""}last at ${clock(c.time)}</span>
      <span class="what-reason">${c.after.sentence}</span></span></li>`;
}
