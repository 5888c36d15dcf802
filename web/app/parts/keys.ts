// <key-help>: what each key does; and the keys themselves.
import { html, type TemplateResult } from "lit-html";
import { playAgain, toggle } from "../state/live";
import { changeSpeed, speed, speedText } from "../state/player";
import { announce } from "../state/announce";
import { whole } from "../state/areas";
import { recorded } from "../state/data";
import { Part } from "../state/part";
import { reveal } from "../state/reveal";
import { closeObject, conversation, dismissJourney, view } from "../state/selection";
import { enabled, listen, type Shortcut } from "../state/shortcuts";
import { step, stepConversation } from "../state/steps";
import { isUp, showTab, tab } from "./dock";
import { findJourneys } from "./filter";
import type { JourneyList } from "./journeys";
import { searchKey } from "./menu";

/** All of them; the palette offers them too. */
export const shortcuts: Shortcut[] = [
  { keys: [" "], label: "Space", does: "Pause, and go on", act: () => (recorded ? false : toggle()) },
  { keys: ["."], label: ".", does: "Next hop, then the next packet", act: () => step(1) },
  { keys: [","], label: ",", does: "Previous hop", act: () => step(-1) },
  { keys: ["]"], label: "]", does: "Conversation below", act: () => stepConversation(1) },
  { keys: ["["], label: "[", does: "Conversation above", act: () => stepConversation(-1) },
  { keys: ["r"], label: "R", does: "Play the request again", act: () => (conversation.value ? playAgain() : false) },
  { keys: ["+", "="], label: "+", does: "Faster", act: () => faster(1) },
  { keys: ["-"], label: "−", does: "Slower", act: () => faster(-1) },
  { keys: ["/"], label: "/", does: "Filter", act: findHere },
  { keys: ["m"], label: "M", does: "To the map", act: toMap },
  { keys: ["l"], label: "L", does: "To the list of journeys", act: toList },
  { keys: ["f"], label: "F", does: "The map on the whole page, and back", act: wholeMap },
  { keys: ["Escape"], label: "Esc", does: "Back", act: back },
  { keys: ["?"], label: "?", does: "These keys", act: () => document.getElementById("keys")?.showPopover() },
];

// Keys with others held, and where things have keys of their own.
const there: [string, string][] = [
  [searchKey, "Search, or run something"],
  ["Arrows", "Move over the map, and over the packets that hang in the air; move through lists"],
  ["→ ←", "In the list: show and hide a conversation's packets"],
  ["Enter", "Open what has the focus; fold what an edge borders"],
  ["Shift F10", "On a tab: move it elsewhere"],
  ["Ctrl Shift ←", "On a tab: move it among its neighbours"],
];

class KeyHelp extends Part {
  protected view(): TemplateResult {
    return html`<div id="keys" class="panel keys" popover role="dialog" aria-labelledby="keys-title">
      <div class="panel-head"><h2 id="keys-title">Keys</h2><button type="button" class="icon" popovertarget="keys" popovertargetaction="hide" aria-label="Close">×</button></div>
      <dl>${[...shortcuts.map((s) => [s.label, s.does]), ...there].map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
      <label class="choice"><input type="checkbox" .checked=${enabled.value} @change=${(e: Event) => (enabled.value = (e.target as HTMLInputElement).checked)}><span>Single keys are on. They never act while you type.</span></label>
    </div>`;
  }
}

function faster(by: number): void {
  changeSpeed(by);
  announce(`Speed ${speedText(speed.value)}`);
}

function wholeMap(): void {
  whole.value = !whole.value;
  reveal("map");
  announce(whole.value ? "The map has the whole page" : "The map is one part of the page");
}

// In the list that was brought up last.
function findHere(): void {
  const names = document.getElementById("resource-filter");
  if (tab.value === "objects" && isUp("objects") && names) names.focus();
  else findJourneys();
}

function toMap(): void {
  reveal("map");
  document.querySelector<SVGElement>("pod-map [data-vertex][tabindex='0']")?.focus();
}

function toList(): void {
  showTab("journeys");
  reveal("dock");
  document.querySelector<JourneyList>("journey-list")?.focusRow();
}

// Out of the details to the list, then out of what is chosen.
function back(event: KeyboardEvent): boolean | void {
  const at = event.target as Element;
  if (whole.value) return wholeMap();
  if (at.closest("journey-filter")) return toList();
  if (view.value === "object") {
    closeObject();
    if (at.closest("#panel-details")) toMap();
    return;
  }
  if (!conversation.value) return false;
  if (at.closest("#panel-details") && isUp("journeys")) return toList();
  dismissJourney();
}

listen(shortcuts);
customElements.define("key-help", KeyHelp);
