// <class-notices>: what who teaches has sent, above the page's lower right until it is put away,
// with what can be done about it.
import { html, nothing, render, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { effect } from "@preact/signals-core";
import type { Notice } from "../model";
import { applyNow, load } from "../editor/text";
import { showTab } from "../parts/dock";
import { current } from "../editor/files";
import { announce } from "../state/announce";
import { data } from "../state/data";
import { startOver } from "../state/lifetime";
import { reveal } from "../state/reveal";
import { toast } from "../state/toast";
import { openSession } from "./api";
import { notices, putAway } from "./seat";
import { moment } from "./words";

const NAME = "from-the-class.yaml";
const member = data?.member;

const box = document.createElement("section");
box.id = "class-notices";
box.setAttribute("aria-label", "From the class");
document.body.append(box);
effect(() => {
  const all = notices.value;
  box.hidden = all.length === 0;
  render(html`${repeat(all.toReversed(), (n) => n.id, notice)}`, box);
});

function notice(n: Notice): TemplateResult {
  const p = n.push;
  return html`<article class=${`notice ${p.kind}`} aria-label=${`${n.by} ${lead(n)}`}>
    <p class="notice-head"><b>${n.by}</b> <span>${lead(n)}</span> <span class="muted">${moment(n.time)}</span><button type="button" class="icon" aria-label="Dismiss" @click=${() => dismiss(n)}>×</button></p>
    ${p.text ? html`<p class="notice-text">${p.text}</p>` : nothing}
    ${p.manifest ? html`<pre class="notice-manifest" tabindex="0">${p.manifest}</pre>` : nothing}
    ${n.result && !n.result.done ? html`<p class="bad">${n.result.text}</p>` : nothing}
    <div class="actions">${actions(n)}</div></article>`;
}

function lead(n: Notice): string {
  const p = n.push;
  switch (p.kind) {
    case "hint": return "gives a hint";
    case "manifest": return p.apply ? "applied a manifest here" : "sends a manifest";
    case "step": return `suggests ${here(p.lesson) ? "" : `${lessonTitle(p.lesson)}, `}step ${p.step}`;
    case "lesson": return `suggests the lesson ${lessonTitle(p.lesson)}`;
    case "start-over": return n.result?.done ? "had you start over" : "wants you to start over";
    case "fault": return "broke something in your cluster";
    default: return "writes";
  }
}

const here = (lesson: string | undefined): boolean => !lesson || lesson === data?.lesson?.slug;
const lessonTitle = (slug: string | undefined): string => data?.lessons?.find((l) => l.slug === slug)?.title ?? slug ?? "";

function actions(n: Notice): TemplateResult | typeof nothing {
  const p = n.push;
  const act = (text: string, deed: () => Promise<void> | void, primary = false) => html`<button type="button" class=${primary ? "primary" : "quiet"} @click=${() => void run(deed, n)}>${text}</button>`;
  switch (p.kind) {
    case "manifest":
      if (p.apply) return act("To the editor", () => toEditor(n));
      return html`${act("Apply", () => (toEditor(n), applyNow()), true)}${act("Compare", () => compare(n))}${act("To the editor", () => toEditor(n))}`;
    case "step":
      return here(p.lesson) ? act(`Go to step ${p.step}`, () => toStep(p.step ?? 1), true) : act("Start that lesson", () => begin(p.lesson ?? "", p.step), true);
    case "lesson":
      return here(p.lesson) ? nothing : act("Start it", () => begin(p.lesson ?? ""), true);
    case "start-over":
      return n.result?.done ? nothing : act("Start over…", startOver, true);
    default:
      return nothing;
  }
}

async function run(deed: () => Promise<void> | void, n: Notice): Promise<void> {
  try {
    await deed();
    if (n.push.kind === "step") dismiss(n);
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
}

function dismiss(n: Notice): void {
  const next = box.contains(document.activeElement);
  putAway(n.id);
  // The focus goes to what is left, or back to the class.
  if (next) (box.querySelector<HTMLElement>("button") ?? document.querySelector<HTMLElement>("class-strip a"))?.focus();
}

function toEditor(n: Notice): void {
  showTab("editor");
  load({ label: "", name: NAME, text: n.push.manifest ?? "" });
  reveal("dock");
  announce(`${NAME} is in the editor`);
}

async function compare(n: Notice): Promise<void> {
  toEditor(n);
  const { compare } = await import("../editor/compare");
  await compare(current.peek());
}

function toStep(step: number): void {
  reveal("lesson");
  const address = new URL(location.href);
  address.searchParams.set("step", String(step));
  history.pushState(null, "", address);
  dispatchEvent(new PopStateEvent("popstate")); // the lesson reads the address
  document.querySelector<HTMLElement>(`[data-step="${step}"] h1`)?.focus();
}

// A member has one cluster: that of another lesson takes the place of this one.
async function begin(lesson: string, step?: number): Promise<void> {
  const { ask } = await import("../state/ask");
  const yes = await ask({ title: `Start ${lessonTitle(lesson)}?`, text: "You get a new cluster for it. What runs in this one is gone; what you have done stays done.", yes: "New cluster" });
  if (!yes) return;
  const s = await openSession(member!.key, { lesson });
  location.assign(`${s.url}?${new URLSearchParams({ lesson, step: String(step ?? 1) })}`);
}

