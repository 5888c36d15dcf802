// <member-page>: the class's lessons, how far a member is in each, and the way on.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Notice } from "../model";
import { announce } from "../state/announce";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { openSession } from "./api";
import { type Contents, given } from "./given";
import "./help";
import { remember } from "./kept";
import { at } from "../state/base";
import { followSeat, line, notices, onNotice, putAway, you } from "./seat";
import { moment } from "./words";

const key = given.key ?? "";
you.value = given.you ?? null;
const opening = signal<string | null>(null); // the lesson that is being opened
const trouble = signal("");

class MemberPage extends Part {
  protected view(): TemplateResult {
    const me = you.value!;
    const c = me.class;
    const over = Boolean(c.closed) || line.value.state === "gone";
    return html`<div class="member">
      <p class="eyebrow">${c.instructor ? `With ${c.instructor}` : "Class"}${over ? "" : `, until ${moment(c.until)}`}</p>
      <h1>${c.title}</h1>
      <p class="lead">You are here as <b>${me.name}</b>. ${line.value.state === "waiting" ? html`<span class="bad" role="status">The server cannot be reached; trying again.</span>` : nothing}</p>
      ${over ? html`<p class="over" role="status"><b>This class is over.</b> ${c.closed ? "Its clusters are closed." : "You are no longer a member of it."} <a href=${at("/")}>All lessons</a> are open to you as to anybody.</p>` : html`
        ${c.frozen ? html`<p class="frozen-note" role="status"><b>${c.instructor || "Who teaches the class"} has frozen all screens.</b> ${c.freezeText ?? ""}</p>` : nothing}
        ${notices.value.map(note)}
        <div class="member-now">${me.session ? html`<a class="primary" href=${me.session}>Go on with ${titleOf(me.lesson)}${me.step ? `, step ${me.step}` : ""}</a>` : nothing}<ask-help data-key=${key}></ask-help></div>`}
      <p class="bad" role="alert">${trouble.value}</p>
      <h2 class="section-title">Lessons</h2>
      <ul class="member-lessons">${given.lessons.map((l, i) => lesson(l, i, me.done?.[l.slug] ?? 0, me.lesson === l.slug && Boolean(me.session), over, Boolean(c.frozen)))}
        ${given.lessons.length === 0 ? html`<li><div><b>Playground</b></div>${over || me.session ? nothing : start("", "Open", Boolean(c.frozen))}</li>` : nothing}</ul></div>`;
  }
}

const titleOf = (slug: string | undefined): string => given.lessons.find((l) => l.slug === slug)?.title ?? "your cluster";

function lesson(l: Contents, i: number, done: number, here: boolean, over: boolean, frozen: boolean): TemplateResult {
  const all = l.checked > 0 && done >= l.checked;
  return html`<li class=${all ? "done" : ""}><div><span class="muted number">${i + 1}</span><b>${l.title}</b>
      <span class=${all ? "card-done" : "muted"}>${all ? "Done" : done > 0 ? `${done} of ${l.checked} steps done` : plural(l.steps.length, "step")}</span></div>
    ${over ? nothing : here ? html`<a class="quiet" href=${(you.peek()?.session ?? "")}>Go on</a>` : start(l.slug, "Start", frozen, l.title)}</li>`;
}

function start(slug: string, text: string, frozen: boolean, title = ""): TemplateResult {
  return html`<button type="button" class="quiet" ?disabled=${opening.value !== null || frozen} aria-label=${`${text} ${title}`} @click=${() => void open(slug)}>${opening.value === slug ? "Opening…" : text}</button>`;
}

// A member has one cluster: another lesson's takes its place.
async function open(slug: string): Promise<void> {
  if (you.peek()?.session) {
    const { ask } = await import("../state/ask");
    const yes = await ask({ title: "A new cluster for this lesson?", text: "It takes the place of the one that you have now, with all that runs there. What you have done stays done.", yes: "New cluster" });
    if (!yes) return;
  }
  opening.value = slug;
  trouble.value = "";
  try {
    const s = await openSession(key, slug ? { lesson: slug } : {});
    location.assign(`${s.url}${slug ? `?${new URLSearchParams({ lesson: slug })}` : ""}`);
  } catch (e) {
    opening.value = null;
    trouble.value = e instanceof Error ? e.message : String(e);
  }
}

// What is sent to somebody who is not in their cluster: the words, and where they lead.
function note(n: Notice): TemplateResult {
  const p = n.push;
  const lead = { lesson: `suggests the lesson ${titleOf(p.lesson)}`, step: `suggests step ${p.step}`, manifest: "sends a manifest: it is in your cluster's page", "start-over": "had you start over: your cluster is new", fault: "broke something in your cluster", hint: "gives a hint" }[p.kind] ?? "says";
  return html`<div class="member-note" role="group" aria-label=${`${n.by} ${lead}`}><p><b>${n.by} ${lead}${p.text ? ":" : "."}</b> ${p.text ?? ""}</p>
    <div class="actions">${p.kind === "lesson" ? html`<button type="button" class="quiet" @click=${() => void open(p.lesson ?? "")}>Start it</button>` : nothing}<button type="button" class="link" @click=${() => putAway(n.id)}>Dismiss</button></div></div>`;
}

if (key) {
  if (given.you) remember("seat", { key, title: given.class.title, until: given.class.until, code: given.class.code, name: given.you.name });
  followSeat(key);
  onNotice((n) => announce(`${n.by}: ${n.push.text ?? n.push.kind}`));
  let was = false;
  effect(() => {
    const is = Boolean(you.value?.class.frozen);
    if (is !== was) announce(is ? "All screens are frozen" : "Screens go on");
    was = is;
  });
}

customElements.define("member-page", MemberPage);
