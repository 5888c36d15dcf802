// <recording-facts>: what the recording is of; and what its owner may do with it.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { keepRecording, Problem, removeRecording } from "../state/api";
import { at } from "../state/base";
import { forget, keyOf, remember } from "../state/kept";
import { Part } from "../state/part";
import { keptID, tape } from "./player";

/** The reader's own file, if it is one that is shown. */
export const opened = signal<Blob | null>(null);

const busy = signal(false);
const problem = signal("");

class RecordingFacts extends Part {
  protected view(): TemplateResult {
    const r = tape.value?.recording;
    if (!r) return html``;
    const day = new Date(r.from / 1e6).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
    return html`<span class="chip" title=${`Podhop ${r.server}, Kubernetes ${r.kubernetes}`}><span class="word">recorded </span><b>${day}</b></span>
      ${opened.value ? share(opened.value) : own()}
      ${problem.value ? html`<span class="bad" role="alert">${problem.value}</span>` : nothing}`;
  }
}

// A file that is the reader's own can be put where others find it.
function share(file: Blob): TemplateResult {
  return html`<button type="button" class="chip share-file" ?disabled=${busy.value} title="Sends the file to this server, where who has the link can open it"
    @click=${() => act(async () => {
      const kept = await keepRecording(file);
      remember(kept);
      location.assign(kept.url);
    })}>Share a link</button>`;
}

// Who shared it from this browser can take it back.
function own(): TemplateResult | typeof nothing {
  const id = keptID.value;
  const key = keyOf(id);
  if (!key) return nothing;
  return html`<button type="button" class="chip" popovertarget="remove" title="You shared it from this browser">remove</button>
    <div id="remove" class="panel" popover role="dialog" aria-labelledby="remove-title"><h2 id="remove-title">Remove this recording?</h2>
      <p>The link leads nowhere any more, for anybody.</p>
      <div class="actions"><button type="button" class="danger" ?disabled=${busy.value} @click=${() => act(async () => {
        await removeRecording(id, key);
        forget(id);
        location.assign(at("/recordings"));
      })}>Remove it</button>
        <button type="button" class="quiet" popovertarget="remove" popovertargetaction="hide">Keep it</button></div></div>`;
}

async function act(what: () => Promise<void>): Promise<void> {
  busy.value = true;
  problem.value = "";
  try {
    await what();
  } catch (e) {
    problem.value = e instanceof Problem ? e.message : String(e);
  } finally {
    busy.value = false;
  }
}

customElements.define("recording-facts", RecordingFacts);
