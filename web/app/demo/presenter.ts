// What this page shows, told to those who look on while there are some; and how many they
// are, in the page's head. A chunk that comes when somebody does.
import { effect, signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { current } from "../editor/files";
import { cursor } from "../editor/text";
import type { Presenting } from "../model";
import { ask, json } from "../state/api";
import { tab } from "../state/areas";
import { watching } from "../state/demo";
import { announce } from "../state/announce";
import { Part } from "../state/part";
import { open } from "./share";
import { speed, stopped } from "../state/player";
import { conversationID, hop, journeyID, objectID, view } from "../state/selection";
import { current as terminal, size } from "../terminal/list";

const PACE = 250; // ms between two tellings
const LATER = 3_000; // ms after one that did not come through
const LARGEST = 256 << 10; // bytes of text: the server shows no more

const steps = document.querySelector("lesson-text");
const step = signal(stepNow());

function stepNow(): number {
  return [...(steps?.querySelectorAll<HTMLElement>("[data-step]") ?? [])].findIndex((s) => !s.hidden) + 1;
}

function now(): Presenting {
  const { name, text } = current.value;
  const [anchor, head] = cursor.value;
  return {
    tab: tab.value, view: view.value, hop: hop.value, object: objectID.value ?? "", conversation: conversationID.value ?? "", journey: journeyID.value ?? "",
    terminal: terminal.value?.id ?? "", columns: size.value?.columns ?? 0, rows: size.value?.rows ?? 0,
    paused: stopped.value, speed: speed.value, step: step.value,
    file: new Blob([text]).size > LARGEST ? { name: `${name} (too large to show)`, anchor: 0, head: 0, text: "" } : { name, anchor, head, text },
  };
}

let last = ""; // what was told, as JSON
let busy = false;
let timer = 0;

// One at a time, and of what changed meanwhile the latest alone. Of several pages of a session the
// one that is looked at tells.
async function tell(): Promise<void> {
  timer = 0;
  if (busy || watching.peek() === 0 || document.hidden) return;
  const body = json(now());
  if (body.text === last) return;
  busy = true;
  try {
    await ask("PUT", "/presenting", body);
    last = body.text as string;
    soon(PACE);
  } catch {
    soon(LATER);
  } finally {
    busy = false;
  }
}

function soon(wait: number): void {
  timer ||= window.setTimeout(() => void tell(), wait);
}

const again = (): void => {
  last = "";
  soon(0);
};

/** Tells from now on, whenever somebody looks on. */
export function present(): void {
  customElements.define("watching-note", WatchingNote);
  document.querySelector("link-state")?.before(document.createElement("watching-note"));
  if (steps) new MutationObserver(() => (step.value = stepNow())).observe(steps, { subtree: true, attributes: true, attributeFilter: ["hidden"] });
  effect(() => {
    now();
    if (watching.value > 0) soon(PACE);
    else last = ""; // it is forgotten there
  });
  document.addEventListener("visibilitychange", again);
  addEventListener("focus", again);
  let said = 0;
  effect(() => {
    const n = watching.value;
    if ((n === 0) !== (said === 0)) announce(n === 0 ? "Nobody looks on any more" : "Somebody looks on at this session");
    said = n;
  });
}

/** How many look on, and the way to what they see. */
class WatchingNote extends Part {
  protected view(): TemplateResult {
    const n = watching.value;
    if (n === 0) return html``;
    return html`<button type="button" class="chip watching" title="Who looks on, and by which links" @click=${open}><i aria-hidden="true"></i><b>${n}</b> <span class="word">${n === 1 ? "looks on" : "look on"}</span></button>`;
  }
}
