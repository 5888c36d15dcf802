// The page of somebody who looks on: it follows what is shown to it until they look around by
// themselves, and what would change something says why it does not.
import { EditorState, StateEffect } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { batch, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { current, rename } from "../editor/files";
import { edit } from "../editor/text";
import type { Message, Presenting } from "../model";
import { announce } from "../state/announce";
import { raise } from "../state/areas";
import { watching } from "../state/demo";
import { pause, resume } from "../state/live";
import { Part } from "../state/part";
import { speed, SPEEDS, stopped } from "../state/player";
import { conversationID, hop, journeyID, objectID, view } from "../state/selection";
import { connection } from "../state/store";
import { plural } from "../state/text";
import { chosen, look as list, size, terminals } from "../terminal/list";
import { make } from "./fork";
import { forbid } from "./forbid";

/** What is shown now; null if nobody shows anything. */
const shown = signal<Presenting | null>(null);
const following = signal(true);
const copying = signal(false);
let text = ""; // of the file that is shown
let was: Presenting | null = null; // what this page has followed to

export function receive(all: Message[]): void {
  const before = shown.peek();
  for (const m of all) {
    if (m.snapshot) take(m.snapshot.presenting ?? null);
    else if (m.presenting) take(m.presenting.off ? null : m.presenting);
  }
  if (shown.peek() !== before) follow();
}

function take(p: Presenting | null): void {
  shown.value = p;
  const file = p?.file;
  if (file?.text !== undefined) text = file.text;
  else if (file?.edit) {
    const lines = text.split("\n");
    lines.splice(file.edit.from, file.edit.drop, ...(file.edit.put ?? []));
    text = lines.join("\n");
  }
}

function follow(): void {
  const p = shown.peek();
  if (!p) return;
  if (p.file) write(p.file.name);
  if (!following.peek()) return;
  batch(() => {
    if (p.view === "object" || p.view === "journey") view.value = p.view;
    if (p.object !== was?.object) objectID.value = p.object || null;
    if (p.conversation !== was?.conversation) conversationID.value = p.conversation || null;
    if (p.journey !== was?.journey) journeyID.value = p.journey || null;
    hop.value = p.hop;
    if (p.speed && SPEEDS.includes(p.speed)) speed.value = p.speed;
  });
  if (!p.paused === stopped.peek()) (p.paused ? pause : resume)();
  if (p.tab && p.tab !== was?.tab && document.getElementById(`panel-${p.tab}`)) raise(p.tab);
  if (p.step && p.step !== was?.step) toStep(p.step);
  if (p.terminal) void toTerminal(p);
  moveCursor(p);
  was = p;
}

function toStep(step: number): void {
  const address = new URL(location.href);
  address.searchParams.set("step", String(step));
  history.replaceState(null, "", address);
  dispatchEvent(new PopStateEvent("popstate"));
}

async function toTerminal(p: Presenting): Promise<void> {
  if (!terminals.peek()?.some((t) => t.id === p.terminal)) await list();
  if (following.peek() && terminals.peek()?.some((t) => t.id === p.terminal)) chosen.value = p.terminal!;
  if (p.columns && p.rows) size.value = { columns: p.columns, rows: p.rows };
}

let mirror: EditorView | null = null;

// The editor comes as a chunk of its own; until it is there, the text waits.
function editor(): EditorView | null {
  if (mirror) return mirror;
  const at = document.querySelector<HTMLElement>("manifest-editor .cm-editor");
  mirror = at && EditorView.findFromDOM(at);
  mirror?.dispatch({ effects: StateEffect.appendConfig.of([EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-readonly": "true" })]) });
  return mirror;
}

function write(name: string): void {
  const { id, name: old } = current.peek();
  if (name && name !== old) rename(id, name);
  const view = editor();
  if (!view) return edit(text);
  const doc = view.state.doc.toString();
  if (doc === text) return;
  let from = 0;
  while (from < doc.length && from < text.length && doc[from] === text[from]) from++;
  let end = 0;
  while (end < doc.length - from && end < text.length - from && doc[doc.length - 1 - end] === text[text.length - 1 - end]) end++;
  view.dispatch({ changes: { from, to: doc.length - end, insert: text.slice(from, text.length - end) } });
}

function moveCursor(p: Presenting): void {
  const view = editor();
  if (!view || !p.file) return;
  const within = (at: number) => Math.min(Math.max(0, at), view.state.doc.length);
  const [anchor, head] = [within(p.file.anchor), within(p.file.head)];
  const { main } = view.state.selection;
  if (main.anchor !== anchor || main.head !== head) view.dispatch({ selection: { anchor, head }, scrollIntoView: true });
}

const waiting = new MutationObserver(() => {
  if (!editor()) return;
  waiting.disconnect();
  mirror!.dispatch({ changes: { from: 0, to: mirror!.state.doc.length, insert: text } });
  if (following.peek() && shown.peek()) moveCursor(shown.peek()!);
});

// Whoever presses something of the cluster looks around by themselves.
function leave(e: Event): void {
  if (!following.peek() || !shown.peek()) return;
  if (e instanceof KeyboardEvent && !["Enter", " ", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"].includes(e.key)) return;
  following.value = false;
  announce("You look around by yourself");
}

function again(): void {
  following.value = true;
  was = null;
  follow();
  announce("You follow again");
}

async function mine(): Promise<void> {
  copying.value = true;
  await make(text);
  copying.value = false;
}

/** What this page is, and what can be done about it. */
class LookBar extends Part {
  override connectedCallback(): void {
    this.replaceChildren();
    super.connectedCallback();
  }

  protected view(): TemplateResult {
    const others = watching.value - 1;
    const p = shown.value;
    const gone = connection.value.state === "gone";
    const how = gone ? "" : !p ? "Nothing is being shown: look around." : following.value ? "You follow what is shown." : "You look around by yourself.";
    return html`<p class="look-what"><b>You look on.</b> <span class="look-how">${how} Nothing can be changed or typed here.</span>${others > 0 ? html` <span class="muted look-others">With ${plural(others, "other")}.</span>` : nothing}</p>
      <div class="look-do">${p && !following.value && !gone ? html`<button type="button" class="primary follow" @click=${again}>Follow</button>` : nothing}
      <button type="button" class="quiet make-mine" ?disabled=${copying.value || gone} title="A copy of this cluster, which is yours: objects, nodes and faults, without values of Secrets" @click=${() => void mine()}>${copying.value ? "Copying…" : "Make it mine"}</button></div>`;
  }
}

/** Makes this page one of somebody who looks on. */
export function look(): void {
  customElements.define("look-bar", LookBar);
  for (const part of document.querySelectorAll("main, .lesson, page-views")) {
    for (const what of ["pointerdown", "click", "keydown"]) part.addEventListener(what, leave, { capture: true });
  }
  const host = document.querySelector("manifest-editor");
  if (host && !editor()) waiting.observe(host, { childList: true, subtree: true });
  forbid();
}
