// Sends something to one, to some or to everybody, and tells what came of it at each. A later chunk.
import { html, nothing, type TemplateResult } from "lit-html";
import type { Member, Push, PushResult } from "../model";
import { announce } from "../state/announce";
import { ask } from "../state/ask";
import { plural } from "../state/text";
import { push } from "./api";
import { type Dialog, openDialog } from "./dialog";
import { faultFields, faultOf } from "./faults";
import { given, lessonOf } from "./given";
import { klass, members } from "./store";
import { whom } from "./words";

const KINDS: readonly [string, string, string][] = [
  ["message", "Message", "They read it beside what they do."],
  ["hint", "Hint", "As a message, and marked as a hint."],
  ["manifest", "Manifest", "It is offered to them: they can compare it, take it into the editor, or apply it."],
  ["step", "Step", "They are offered to go to it."],
  ["lesson", "Lesson", "They are offered to begin it, in a new cluster."],
  ["start-over", "Start over", "Each gets a new cluster at once, in place of the one that they have. What they have done stays done."],
  ["fault", "Fault", "It is set at once in each of their clusters. They are told of it only if you write a word."],
];

export function open(to: readonly Member[], first = "message"): void {
  const everybody = to.length === 0;
  let kind = first;
  let trouble = "";
  let sending = false;
  let results: PushResult[] | null = null;
  // The lesson of those who are meant, if it is one.
  const meant = everybody ? [...members.peek().values()] : to;
  const there = new Set(meant.map((m) => m.lesson ?? ""));
  let lesson = there.size === 1 ? [...there][0]! : "";

  const d = openDialog("push", `Push to ${whom(to, members.peek().size)}`, (d) => (results ? outcome(results, d) : form(d)));

  function form(d: Dialog): TemplateResult {
    return html`<form @submit=${submit}>
      <fieldset class="kinds-of"><legend class="hidden">What</legend><div class="segments">${KINDS.map(([k, text]) => html`<label><input type="radio" name="kind" value=${k} .checked=${k === kind} ?data-first=${k === kind} @change=${() => ((kind = k), (trouble = ""), d.draw())}><span>${text}</span></label>`)}</div></fieldset>
      <p class="muted">${KINDS.find(([k]) => k === kind)![2]}</p>
      ${fields(d)}
      <p class="bad" role="alert">${trouble}</p>
      <div class="actions"><button class="primary" ?disabled=${sending}>${sending ? "Sending…" : "Push"}</button><button type="button" class="quiet" @click=${d.close}>Cancel</button></div></form>`;
  }

  function fields(d: Dialog): TemplateResult {
    switch (kind) {
      case "message":
      case "hint":
        return text(kind === "hint" ? "Hint" : "Message", true);
      case "manifest":
        return html`<label class="line"><span>Manifest</span><textarea name="manifest" class="mono" rows="10" required spellcheck="false" autocapitalize="off" placeholder="apiVersion: v1"></textarea></label>
          <label class="choice"><input type="checkbox" name="apply"><span><b>Apply it at once</b> <span class="muted">in each of their clusters, without asking them</span></span></label>${text("A word to go with it", false)}`;
      case "step":
        return html`<div class="two">${lessons(d, "The lesson that each is in")}
          <label class="line"><span>Step</span>${lessonOf(lesson)
            ? html`<select name="step">${lessonOf(lesson)!.steps.map((title, i) => html`<option value=${i + 1}>${i + 1}: ${title}</option>`)}</select>`
            : html`<input name="step" type="number" min="1" max="99" value="1" required inputmode="numeric">`}</label></div>${text("A word to go with it", false)}`;
      case "lesson":
        return html`${lessons(d)}${text("A word to go with it", false)}`;
      case "start-over":
        return text("A word to go with it", false);
      default:
        return html`${faultFields(d.draw)}${text("A word to go with it", false)}`;
    }
  }

  function lessons(d: Dialog, none = ""): TemplateResult {
    return html`<label class="line"><span>Lesson</span><select name="lesson" @change=${(e: Event) => ((lesson = (e.target as HTMLSelectElement).value), d.draw())}>
      ${none ? html`<option value="" .selected=${lesson === ""}>${none}</option>` : nothing}${given.lessons.map((l) => html`<option value=${l.slug} .selected=${l.slug === lesson}>${l.title}</option>`)}</select></label>`;
  }

  async function submit(event: Event): Promise<void> {
    event.preventDefault();
    const f = new FormData(event.currentTarget as HTMLFormElement);
    const word = (name: string): string | undefined => String(f.get(name) ?? "").trim() || undefined;
    const p: Push = { kind, text: word("text") };
    if (!everybody) p.to = to.map((m) => m.id);
    if (kind === "manifest") Object.assign(p, { manifest: String(f.get("manifest")), apply: f.get("apply") !== null });
    if (kind === "step") Object.assign(p, { lesson: word("lesson"), step: Number(f.get("step")) });
    if (kind === "lesson") p.lesson = word("lesson");
    if (kind === "fault") Object.assign(p, faultOf(f));
    if (kind === "start-over" && !(await sure(whom(to, members.peek().size)))) return;
    sending = true;
    trouble = "";
    d.draw();
    try {
      results = (await push(klass.peek().key ?? "", p)) ?? [];
      announce(said(results));
    } catch (e) {
      trouble = e instanceof Error ? e.message : String(e);
    }
    sending = false;
    d.draw();
    if (results) document.querySelector<HTMLElement>(".class-dialog .pushed")?.focus();
  }
}

const sure = (who: string): Promise<boolean> =>
  ask({ title: `Start over for ${who}?`, text: "What runs in their clusters is gone, with terminals, files and captured packets.", yes: "Start over", danger: true });

function text(label: string, needed: boolean): TemplateResult {
  return html`<label class="line"><span>${label}${needed ? "" : html` <span class="muted">(not needed)</span>`}</span><textarea name="text" rows=${needed ? 4 : 2} maxlength="2000" ?required=${needed}></textarea></label>`;
}

function said(all: readonly PushResult[]): string {
  const done = all.filter((r) => r.done).length;
  if (all.length === 0) return "There was nobody to send it to";
  return done === all.length ? `Done for ${done === 1 ? all[0]!.name : `all ${done}`}` : `Done for ${done} of ${plural(all.length, "person", "people")}`;
}

// Those with whom it did not work come first.
function outcome(all: readonly PushResult[], d: Dialog): TemplateResult {
  const failed = all.filter((r) => !r.done);
  return html`<div class="pushed" tabindex="-1" role="group" aria-label=${said(all)}><p><b>${said(all)}</b></p>
    <ul class="push-results">${[...failed, ...all.filter((r) => r.done)].map((r) => html`<li><span class=${`status ${r.done ? "done" : "failing"}`}><i aria-hidden="true"></i><b>${r.name}</b></span> <span class=${r.done ? "muted" : "bad"}>${r.text}</span>
      ${(r.results ?? []).flatMap((x) => x.errors ?? []).map((e) => html`<span class="push-error">${e.line > 0 ? `line ${e.line}: ` : ""}${e.message}</span>`)}</li>`)}</ul></div>
    <div class="actions"><button type="button" class="primary" @click=${d.close}>Close</button></div>`;
}
