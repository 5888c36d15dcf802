// <recorded-manifests>: what the learner had written, to read, to copy, and to begin a
// playground of one's own with.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { ApplyResult, LeftOut, Recording, Session } from "../model";
import { keyOf } from "../editor/text";
import { at } from "../state/base";
import { copy } from "../state/copy";
import { forLong } from "../state/keep";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { tape } from "./player";
import { passing } from "../state/gate";

type Fork = { kind: "none" } | { kind: "opening" } | { kind: "problem"; text: string } | { kind: "partly"; session: Session; refused: ApplyResult[]; of: number };

const fork = signal<Fork>({ kind: "none" });
const copied = signal(false);

class RecordedManifests extends Part {
  protected view(): TemplateResult {
    const r = tape.value?.recording;
    if (!r) return html``;
    return html`<div class="manifests">
      <div class="manifests-bar">
        <button type="button" class="primary" ?disabled=${fork.value.kind === "opening"} @click=${() => void open(r)}>${fork.value.kind === "opening" ? "Opening…" : "Open in a playground of my own"}</button>
        <button type="button" class="quiet" ?disabled=${!r.manifests} @click=${() => void copyAll(r.manifests)}>${copied.value ? "Copied" : "Copy"}</button>
        <span class="muted">${leftOut(r.left)}</span>
      </div>
      ${forked()}
      ${r.manifests ? html`<pre tabindex="0" aria-label="Manifests at the end of the recording">${r.manifests}</pre>` : html`<p class="empty">Nothing had been applied in this cluster.</p>`}
    </div>`;
  }
}

function forked(): TemplateResult | typeof nothing {
  const f = fork.value;
  if (f.kind === "problem") return html`<p class="bad" role="alert">${f.text}</p>`;
  if (f.kind !== "partly") return nothing;
  return html`<div role="alert"><p>${f.refused.length} of ${f.of} manifests were not taken. They are in the editor of your playground. <a href=${at(`/s/${encodeURIComponent(f.session.id)}`)}>Go there</a></p>
    <ul class="plain bad">${f.refused.slice(0, 10).map((x) => html`<li>${x.errors?.[0]?.message}</li>`)}</ul></div>`;
}

async function copyAll(text: string): Promise<void> {
  await copy(text);
  copied.value = true;
  setTimeout(() => (copied.value = false), 2000);
}

async function ask<T>(path: string, type: string, body: string): Promise<T> {
  const answer = await passing((more, query) => fetch(path + query, { method: "POST", headers: { "Content-Type": type, Accept: "application/json", ...more }, body }));
  const said = (await answer.json()) as T & { title?: string; detail?: string };
  if (!answer.ok) throw new Error([said.title, said.detail].filter(Boolean).join(": ") || `The server answered ${answer.status}.`);
  return said;
}

// A session like the one of the recording, with what was applied there.
async function open(r: Recording): Promise<void> {
  fork.value = { kind: "opening" };
  try {
    const session = await ask<Session>(at("/api/sessions"), "application/json", JSON.stringify(r.session.options));
    forLong.set(keyOf(session.id), r.manifests);
    const results = r.manifests ? await ask<ApplyResult[]>(at(`/api/sessions/${encodeURIComponent(session.id)}/apply`), "application/yaml", r.manifests) : [];
    const refused = results.filter((x) => x.errors?.length);
    if (refused.length > 0) fork.value = { kind: "partly", session, refused, of: results.length };
    else location.assign(at(`/s/${encodeURIComponent(session.id)}`));
  } catch (e) {
    fork.value = { kind: "problem", text: e instanceof Error && !(e instanceof TypeError) ? e.message : "The server could not be reached. Try again in a moment." };
  }
}

function leftOut(l: LeftOut): string {
  const all = [
    l.secrets ? `${plural(l.secrets, "value")} of Secrets` : "",
    l.objects ? plural(l.objects, "object") : "",
    l.journeys ? `${l.journeys} earlier packets` : "",
    l.events ? `${l.events} earlier events` : "",
    l.changes ? `${l.changes} earlier changes of the map` : "",
  ].filter(Boolean);
  return all.length > 0 ? `Left out: ${all.join(", ")}.` : "";
}

customElements.define("recorded-manifests", RecordedManifests);
