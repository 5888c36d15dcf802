// <class-menu> and <class-keys>: what is wanted now and then, and what each key does.
import { html, type TemplateResult } from "lit-html";
import { icon } from "../parts/icons";
import { Part } from "../state/part";
import { enabled, listen, type Shortcut } from "../state/shortcuts";
import { setTheme, theme, type Theme } from "../state/theme";
import { announce } from "../state/announce";
import { unfreeze } from "./deeds";
import { openFreeze, openPush, search, showCode } from "./open";
import type { ClassPeople } from "./people";
import { chosen, filter, sortAgain } from "./rows";
import { isClosed, klass } from "./store";

const mac = navigator.platform.startsWith("Mac");
const searchKey = mac ? "⌘ K" : "Ctrl K";
const people = (): ClassPeople | null => document.querySelector<ClassPeople>("class-people");

/** All of them; the palette offers them too. */
export const shortcuts: Shortcut[] = [
  { keys: ["/"], label: "/", does: "Filter names", act: () => document.getElementById("people-filter")?.focus() },
  { keys: ["h"], label: "H", does: "To the next who asks for help", act: nextHelp },
  { keys: ["j"], label: "J", does: "To the list of people", act: () => people()?.focusRow() },
  { keys: ["p"], label: "P", does: "Push to all, or to those who were chosen", act: () => (isClosed.value ? false : openPush(chosen.peek())) },
  { keys: ["f"], label: "F", does: "Freeze all screens, and unfreeze", act: () => (isClosed.value ? false : klass.value.frozen ? void unfreeze() : openFreeze()) },
  { keys: ["s"], label: "S", does: "Sort again", act: sortAgain },
  { keys: ["c"], label: "C", does: "Show the code", act: () => (klass.value.code ? showCode() : false) },
  { keys: ["Escape"], label: "Esc", does: "Show everybody", act: everybody },
  { keys: ["?"], label: "?", does: "These keys", act: () => document.getElementById("keys")?.showPopover() },
];

// Those of a person's row.
const there: [string, string][] = [
  [searchKey, "Search, or run something"],
  ["↑ ↓", "Move through the list"],
  ["→ ←", "Show and hide all about somebody"],
  ["Space", "Choose somebody"],
  ["L", "On a row: look at their session"],
  ["K", "On a row: ask for their keyboard"],
  ["P", "On a row: push to them"],
  ["Delete", "On a row: remove them"],
];

const THEMES: [Theme, string][] = [["system", "System"], ["light", "Light"], ["dark", "Dark"]];

class ClassMenu extends Part {
  protected view(): TemplateResult {
    return html`<button type="button" class="icon open-menu" popovertarget="menu" aria-label="Menu" title="Menu">${icon("menu")}</button>
      <div id="menu" class="panel page-menu" popover role="dialog" aria-label="Menu">
        <ul><li><button type="button" @click=${keysInstead}>Keys</button></li></ul>
        <fieldset class="theme"><legend>Theme</legend><div class="segments">
          ${THEMES.map(([t, text]) => html`<label><input type="radio" name="theme" value=${t} .checked=${theme.value === t} @change=${() => setTheme(t)}><span>${text}</span></label>`)}</div></fieldset>
      </div>`;
  }
}

class ClassKeys extends Part {
  protected view(): TemplateResult {
    return html`<div id="keys" class="panel keys" popover role="dialog" aria-labelledby="keys-title">
      <div class="panel-head"><h2 id="keys-title">Keys</h2><button type="button" class="icon" popovertarget="keys" popovertargetaction="hide" aria-label="Close">×</button></div>
      <dl>${[...shortcuts.map((s) => [s.label, s.does]), ...there].map(([key, does]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
      <label class="choice"><input type="checkbox" .checked=${enabled.value} @change=${(e: Event) => (enabled.value = (e.target as HTMLInputElement).checked)}><span>Single keys are on. They never act while you type.</span></label>
    </div>`;
  }
}

function keysInstead(): void {
  document.getElementById("menu")?.hidePopover();
  document.getElementById("keys")?.showPopover();
}

function nextHelp(): void {
  if (!people()?.nextHelp()) announce("Nobody who is listed asks for help");
}

function everybody(event: KeyboardEvent): boolean | void {
  const f = filter.peek();
  if (f.text === "" && f.only === "all" && !f.at) return false;
  filter.value = { text: "", only: "all", at: null };
  if ((event.target as Element | null)?.id !== "people-filter") people()?.focusRow();
}

addEventListener("keydown", (e) => {
  if (e.key.toLowerCase() !== "k" || !(mac ? e.metaKey : e.ctrlKey) || e.shiftKey || e.altKey || document.querySelector("dialog[open]")) return;
  e.preventDefault();
  search();
}, true);

listen(shortcuts);
customElements.define("class-menu", ClassMenu);
customElements.define("class-keys", ClassKeys);
