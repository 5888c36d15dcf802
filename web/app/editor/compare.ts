// What applying a file would change, object by object, before it does: the API's own dry
// run against what there is. A chunk of its own, loaded when somebody asks.
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { ApplyResult } from "../model";
import { announce } from "../state/announce";
import { dryRun, Problem } from "../state/api";
import { idOf, nameOf, plural } from "../state/text";
import { diff, type Line, pieces } from "./diff";
import type { EditorFile } from "./files";
import { applyNow } from "./text";

type Answer = { results: ApplyResult[] } | { problem: string };

export async function compare(file: EditorFile): Promise<void> {
  const answer = await ask(file.text);
  const dialog = document.createElement("dialog");
  dialog.className = "comparison";
  dialog.setAttribute("aria-labelledby", "comparison-title");
  const shut = (apply: boolean) => {
    dialog.close();
    if (apply) void applyNow();
  };
  render(html`<div class="panel-head"><h2 id="comparison-title">What applying ${file.name} would change</h2>
      <button type="button" class="icon" aria-label="Close" @click=${() => shut(false)}>×</button></div>
    <div class="comparison-body" tabindex="0">${"problem" in answer ? html`<p class="bad">${answer.problem}</p>` : answer.results.map(documentView)}
      ${"results" in answer && answer.results.some((r) => r.before) ? html`<p class="muted">What a text says wins over what was set before, by whomever. What it leaves out goes only if it was set from here; what others set stays.</p>` : nothing}</div>
    <div class="actions"><button type="button" class="quiet" @click=${() => shut(false)}>Back to the editor</button>
      ${"problem" in answer || answer.results.every((r) => r.errors?.length) ? nothing : html`<button type="button" class="primary comparison-apply" @click=${() => shut(true)}>Apply</button>`}</div>`, dialog);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  announce("problem" in answer ? answer.problem : summary(answer.results));
}

async function ask(text: string): Promise<Answer> {
  try {
    return { results: await dryRun(text, true) };
  } catch (e) {
    return { problem: e instanceof Problem ? e.message : String(e) };
  }
}

function summary(results: readonly ApplyResult[]): string {
  const count = (action: string) => results.filter((r) => r.action === action && !r.errors?.length).length;
  const failed = results.filter((r) => r.errors?.length).length;
  return [[count("created"), "would be created"], [count("configured"), "would change"], [count("unchanged"), "would stay as it is"], [count("unchecked"), "to be checked when applied"], [failed, "would not be taken"]]
    .filter(([n]) => n !== 0).map(([n, what]) => `${n} ${what}`).join(", ");
}

function documentView(r: ApplyResult): TemplateResult {
  const name = r.object ? `${r.object.kind} ${nameOf(idOf(r.object))}` : `Document ${r.document}`;
  const lines = diff(r.before ?? "", r.after ?? "");
  const changed = Math.max(lines.filter((l) => l.sign === "+").length, lines.filter((l) => l.sign === "-").length);
  const bad = (r.errors ?? []).length > 0;
  const words = bad ? "would not be taken" : r.action === "created" ? "would be created" : r.action === "unchecked" ? (r.note ?? "") : changed === 0 ? "would stay as it is" : `would change, ${plural(changed, "line")}`;
  return html`<section class="compared" aria-label=${`${name} ${words}`}><h3>${name} <span class=${bad ? "bad" : "muted"}>${words}</span></h3>
    ${(r.errors ?? []).map((e) => html`<p class="bad">${e.line > 0 ? `line ${e.line} ` : ""}${e.field ? html`<code>${e.field}</code> ` : nothing}${e.message}</p>`)}
    ${(r.warnings ?? []).map((w) => html`<p class="warn">Warning: ${w}</p>`)}
    ${changed > 0 ? html`<pre class="diff" tabindex="0">${pieces(lines).map((p) => (p.kind === "skip" ? html`<span class="skip">${plural(p.count, "line")} more, the same</span>` : p.lines.map(lineView)))}</pre>` : nothing}</section>`;
}

function lineView(l: Line): TemplateResult {
  const number = html`<span class="n" aria-hidden="true">${l.new || l.old}</span>`;
  if (l.sign === "+") return html`<ins>${number}<span>+ ${l.text}</span></ins>`;
  if (l.sign === "-") return html`<del>${number}<span>- ${l.text}</span></del>`;
  return html`<span class="same">${number}<span>  ${l.text}</span></span>`;
}
