// Keys that work anywhere on the page, unless somebody types, or holds a modifier.
// Single keys can be turned off (WCAG 2.1.4).
import { effect, signal } from "@preact/signals-core";
import { forLong } from "./keep";

export interface Shortcut {
  keys: string[];
  label: string; // as it is written on keys
  does: string;
  act: (event: KeyboardEvent) => boolean | void; // false: it was not for us
}

export const enabled = signal(forLong.get("podhop.keys") !== "off");
effect(() => forLong.set("podhop.keys", enabled.value ? "on" : "off"));

const TYPING = "input, textarea, select, [contenteditable], .cm-editor, .xterm, [role=textbox]";
const PRESSED_BY_SPACE = "button, a, summary, [role=button], [role=tab], [role=option], [role=checkbox]";

export function listen(all: readonly Shortcut[]): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = event.target as Element;
    const escape = event.key === "Escape";
    if (!escape && (!enabled.value || at.closest(TYPING))) return;
    if (escape && at.closest(".cm-editor, .xterm, select")) return;
    if (event.key === " " && at.closest(PRESSED_BY_SPACE)) return;
    if (document.querySelector("dialog[open], dialog.frozen, :popover-open:not(#toasts)")) return; // it has the keyboard
    const found = all.find((s) => s.keys.includes(event.key));
    if (found && found.act(event) !== false) event.preventDefault();
  });
}
