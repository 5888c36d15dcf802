// <record-menu>: what the session remembers, as a file or as a link for others. The page's menu opens it.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { KeptRecording } from "../model";
import { Problem, recordingURL, removeRecording, shareRecording } from "../state/api";
import { copy } from "../state/copy";
import { forget, remember } from "../state/kept";
import { Part } from "../state/part";

type State = { kind: "none" } | { kind: "sharing" } | { kind: "problem"; text: string } | { kind: "shared"; kept: KeptRecording } | { kind: "removed" };

const state = signal<State>({ kind: "none" });
const since = signal("");
const copied = signal(false);

class RecordMenu extends Part {
  protected view(): TemplateResult {
    return html`<div id="record" class="panel" popover role="dialog" aria-labelledby="record-title">
        <div class="panel-head"><h2 id="record-title">What happened so far</h2>
          <button type="button" class="icon" popovertarget="record" popovertargetaction="hide" aria-label="Close">×</button></div>
        <p>The map as it changed, the packets that are still listed, events, and your manifests: to play again without this cluster.</p>
        <label class="of"><span>Of</span> <select name="since" .value=${since.value} @change=${(e: Event) => (since.value = (e.target as HTMLSelectElement).value)}>
          <option value="">all that is kept</option><option value="1m">the last minute</option><option value="5m">the last 5 minutes</option><option value="15m">the last 15 minutes</option></select></label>
        <div class="actions"><a class="primary" href=${recordingURL(since.value)} download>Save recording</a>
          <button type="button" class="quiet share" ?disabled=${state.value.kind === "sharing"} @click=${share}>${state.value.kind === "sharing" ? "Sharing…" : "Share a link"}</button></div>
        ${shared()}
        <p class="muted">Values of Secrets are left out. Names, addresses, ConfigMaps and the first lines of requests are in it: whoever has the link sees them.</p>
      </div>`;
  }
}

function shared(): TemplateResult | typeof nothing {
  const s = state.value;
  if (s.kind === "problem") return html`<p class="bad" role="alert">${s.text}</p>`;
  if (s.kind === "removed") return html`<p role="status">The link leads nowhere any more.</p>`;
  if (s.kind !== "shared") return nothing;
  const link = new URL(s.kept.url, location.href).href;
  const day = new Date(s.kept.until).toLocaleDateString(undefined, { day: "numeric", month: "long" });
  return html`<div class="shared" role="status"><p>${copied.value ? "The link is copied." : "The link:"} It works until ${day} at the latest.</p>
    <p><a class="mono" href=${link} target="_blank">${link}</a></p>
    <div class="actions"><button type="button" class="quiet" @click=${() => void copyLink(link)}>Copy the link</button>
      <button type="button" class="quiet" @click=${() => void remove(s.kept)}>Remove it</button></div></div>`;
}

async function share(): Promise<void> {
  state.value = { kind: "sharing" };
  copied.value = false;
  try {
    const kept = await shareRecording(since.value);
    remember(kept);
    state.value = { kind: "shared", kept };
    await copyLink(new URL(kept.url, location.href).href);
  } catch (e) {
    fail(e);
  }
}

async function copyLink(link: string): Promise<void> {
  await copy(link);
  copied.value = true;
}

async function remove(kept: KeptRecording): Promise<void> {
  const { ask } = await import("../state/ask");
  const yes = await ask({ title: "Remove the link?", text: "It leads nowhere then, for everybody who has it.", yes: "Remove it", danger: true });
  document.getElementById("record")?.showPopover(); // the question has closed it
  if (!yes) return;
  try {
    await removeRecording(kept.id, kept.key);
    forget(kept.id);
    state.value = { kind: "removed" };
  } catch (e) {
    fail(e);
  }
}

function fail(e: unknown): void {
  state.value = { kind: "problem", text: e instanceof Problem ? e.message : String(e) };
}

customElements.define("record-menu", RecordMenu);
