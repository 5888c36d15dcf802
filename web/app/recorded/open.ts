// <open-recording>: a file from the reader's own disk, by picker or by drop. It is
// read here, and sent to nobody.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import { at } from "../state/base";
import { data } from "../state/data";
import { Part } from "../state/part";
import { BadFile, read } from "./file";
import { opened } from "./facts";
import { keptID, load, tape } from "./player";

type State = { kind: "none" } | { kind: "reading" } | { kind: "bad"; text: string };

const state = signal<State>(data?.recording?.id ? { kind: "reading" } : { kind: "none" });
const over = signal(false);

/** Shows the reader's own file, or says why not. */
async function openOwn(file: Blob): Promise<void> {
  if (!(await open(file, ""))) return;
  opened.value = file;
  if (keptID.value === "") return;
  keptID.value = ""; // it was the server's that was here before
  document.body.classList.add("own-file");
  history.replaceState(null, "", at("/recordings"));
}

async function open(file: Blob, address: string): Promise<boolean> {
  state.value = { kind: "reading" };
  try {
    load(await read(file), address);
    state.value = { kind: "none" };
    announce("The recording is open");
    return true;
  } catch (e) {
    state.value = { kind: "bad", text: e instanceof BadFile ? e.message : "This recording cannot be shown: it is damaged." };
    if (!(e instanceof BadFile)) console.error(e);
    return false;
  }
}

/** Shows the recording that the server keeps. */
export async function fetchKept(id: string, address: string): Promise<void> {
  let answer: Response;
  try {
    answer = await fetch(at(`/api/recordings/${encodeURIComponent(id)}`));
    if (answer.ok) return void (await open(await answer.blob(), address));
  } catch {
    state.value = { kind: "bad", text: "The server could not be reached. Try again in a moment." };
    return;
  }
  state.value = { kind: "bad", text: answer.status === 404 ? "This recording is no longer there: it was removed, or its time was up." : `The server answered ${answer.status}.` };
}

class OpenRecording extends Part {
  override connectedCallback(): void {
    super.connectedCallback();
    const drag = (event: DragEvent, on: boolean): void => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      over.value = on;
    };
    addEventListener("dragover", (event) => drag(event, true));
    addEventListener("dragleave", (event) => event.relatedTarget === null && drag(event, false));
    addEventListener("drop", (event) => {
      drag(event, false);
      const file = event.dataTransfer?.files[0];
      if (file) void openOwn(file);
    });
  }

  protected view(): TemplateResult {
    const s = state.value;
    const none = tape.value === null;
    document.body.classList.toggle("nothing-open", none);
    if (none) this.setAttribute("role", "main"); // there is no other yet
    else this.removeAttribute("role");
    if (!none && s.kind !== "bad") return over.value ? html`<div class="drop-here"><p>Drop the file to open it here</p></div>` : html``;
    return html`<div class=${`opener ${over.value ? "over" : ""} ${none ? "" : "above"}`}>
      ${none ? html`<h1>Open a recording</h1>` : nothing}
      ${s.kind === "bad" ? html`<p class="bad" role="alert">${s.text}</p>` : nothing}
      ${s.kind === "reading" ? html`<p class="muted" role="status">Opening…</p>` : html`
        <p>A recording is a stretch of somebody's cluster: its map as it changed, and every packet hop by hop. Choose its file, which ends in <code>.podhop.json.gz</code>, or drop it here.</p>
        <label class="primary pick">Choose a file<input type="file" accept=".gz,application/gzip" class="hidden" @change=${this.#picked}></label>
        ${none ? nothing : html`<button type="button" class="quiet" @click=${() => (state.value = { kind: "none" })}>Back to the recording</button>`}
        <p class="muted">It is opened in your browser, and sent to nobody.</p>`}
    </div>`;
  }

  #picked = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file) void openOwn(file);
  };
}

customElements.define("open-recording", OpenRecording);
