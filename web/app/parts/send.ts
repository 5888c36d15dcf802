// <send-bar>: asks for traffic, and shows what the sender saw.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { Answer, Vertex } from "../model";
import { announce } from "../state/announce";
import { Problem, send } from "../state/api";
import { resume } from "../state/live";
import { Part } from "../state/part";
import { awaitJourneys, landing } from "../state/selection";
import { count, from, to } from "../state/sending";
import { holding, vertices } from "../state/store";
import { targets } from "../state/targets";
import { duration, nameOf, plural } from "../state/text";
import { why } from "./why";

type State = { kind: "idle" } | { kind: "sending" } | { kind: "problem"; text: string } | { kind: "answered"; answers: Answer[]; from: string; to: string };

const state = signal<State>({ kind: "idle" });

class SendBar extends Part {
  protected view(): TemplateResult {
    const all = [...vertices.value.values()];
    const nodes = all.filter((v) => v.kind === "Node");
    const pods = all.filter((v) => v.kind === "Pod" && v.ips?.length);
    const offers = targets(from.value, all);
    const known = from.value === "client" || vertices.value.has(from.value);
    return html`<form class="send" aria-label="Send a request" @submit=${this.#submit}>
        <label class="field from"><span>from</span>
          <select name="from" .value=${from.value} @change=${(e: Event) => (from.value = (e.target as HTMLSelectElement).value)}>
            <option value="client" ?selected=${from.value === "client"}>client, outside</option>
            <optgroup label="Nodes">${nodes.map(this.#option)}</optgroup>
            ${pods.length > 0 ? html`<optgroup label="Pods">${pods.map(this.#option)}</optgroup>` : nothing}
            ${known ? nothing : html`<option value=${from.value} selected>${nameOf(from.value)} (gone)</option>`}
          </select></label>
        <label class="field to"><span>to</span>
          <input name="to" .value=${to.value} @input=${(e: Event) => (to.value = (e.target as HTMLInputElement).value)} list="targets" required
            placeholder=${`URL or host:port${offers[0] ? `, such as ${offers[0].url}` : ""}`} autocomplete="off" autocapitalize="off" spellcheck="false" inputmode="url"></label>
        <datalist id="targets">${offers.map((o) => html`<option value=${o.url}>${o.label}</option>`)}</datalist>
        <label class="field times"><span class="hidden">How many times</span>
          <select name="count" .value=${String(count.value)} @change=${(e: Event) => (count.value = Number((e.target as HTMLSelectElement).value))}>
            ${[1, 5, 20].map((n) => html`<option value=${n} ?selected=${n === count.value}>${n}×</option>`)}
          </select></label>
        <button class="send-button" ?disabled=${state.value.kind === "sending"}>${state.value.kind === "sending" ? "Sending" : "Send"}</button>
      </form>
      <div class="answer" role="status">${this.#answer()}</div>`;
  }

  #option = (v: Vertex) => html`<option value=${v.id} ?selected=${v.id === from.value}>${v.kind === "Pod" ? `pod ${nameOf(v.id)}` : v.name}</option>`;

  #answer(): TemplateResult | typeof nothing {
    const s = state.value;
    if (s.kind === "idle") return nothing;
    if (s.kind === "sending") return html`<p class="muted">Waiting for an answer…</p>`;
    if (s.kind === "problem") return html`<p class="bad">${s.text}</p>`;
    if (s.answers.length > 1) return html`<p>${tally(s.answers)} <span class="muted">${s.from} to ${s.to}</span></p>`;
    const a = s.answers[0];
    if (!a) return html`<p class="bad">Nothing was sent.</p>`;
    return html`<details class="outcome">
      <summary><b class=${tone(a)}>${verdict(a)}</b> <span class="muted">in ${duration(a.duration)}${a.remote ? html`, <span class="mono">${a.local ? `${a.local} → ` : ""}${a.remote}</span>` : nothing}</span>
      ${a.error ? html`<span class="bad">${a.why?.sentence ?? a.error}</span>` : a.body ? html`<span class="mono peek">${a.body.replace(/\s+/g, " ").slice(0, 90)}</span>` : nothing}</summary>
      ${a.body ? html`<pre tabindex="0" aria-label="Body of the answer">${a.body}</pre>` : a.why ? html`<div class="because-of"><p class="bad">${a.error}</p>${why(a.why)}</div>` : html`<p class="muted">The answer had no body.</p>`}
      ${[a.resolved, a.certificate].filter(Boolean).map((said) => html`<p class="muted said">${said}</p>`)}
    </details>`;
  }

  #submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (state.value.kind === "sending") return;
    state.value = { kind: "sending" };
    landing.value++;
    if (holding.value) resume(); // what is asked for now is to be seen
    try {
      const result = await send({ from: from.value, to: to.value.trim(), count: count.value });
      const answers = result.answers ?? [];
      state.value = { kind: "answered", answers, from: nameOf(from.value), to: to.value };
      awaitJourneys(result.journeys ?? []);
    } catch (e) {
      state.value = { kind: "problem", text: e instanceof Problem ? e.message : String(e) };
    }
  };
}

function verdict(a: Answer): string {
  if (a.outcome === "answered") return a.status ? String(a.status) : "Connected";
  return { refused: "Refused", unreachable: "Unreachable", timeout: "Timed out" }[a.outcome] ?? "Failed";
}

function tone(a: Answer): string {
  return a.outcome === "answered" && (a.status ?? 200) < 400 ? "good" : "bad";
}

function tally(answers: Answer[]): TemplateResult {
  const groups = new Map<string, Answer[]>();
  for (const a of answers) groups.set(verdict(a), [...(groups.get(verdict(a)) ?? []), a]);
  return html`${[...groups].map(([text, as]) => html`<b class=${tone(as[0]!)}>${as.length}× ${text}</b> `)}of ${plural(answers.length, "request")}`;
}

effect(() => {
  const s = state.value;
  if (s.kind === "answered" && s.answers.length === 1) announce(`${verdict(s.answers[0]!)} in ${duration(s.answers[0]!.duration)}`);
});

customElements.define("send-bar", SendBar);
