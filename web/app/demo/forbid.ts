// What changes something does nothing for who looks on, and says why: to a mouse, to a
// keyboard, which still reaches it, and to a screen reader. Parts of the page come and go, so this goes
// after them: the server refuses what is forgotten here.
import { toast } from "../state/toast";
import { LOOKS } from "../terminal/list";

const CHANGES = [
  ".send-button", ".editor-do button", ".samples button", ".new-file", ".more-files", ".close-file", ".extend", ".start-over",
  "[data-load]", "[data-fill]", "[data-solve]", "[data-run]", "step-checks button",
  ".network fieldset", ".switch", ".add-node", ".node-actions button", ".break-choices button", ".break-exact button", ".fault-list .quiet", ".broken .actions button",
  "[data-do=edit]", "[data-do=scale]", "[data-do=restart]", "[data-do=delete]",
  "terminal-panel [data-new]", "terminal-panel [data-close]", "terminal-panel [data-again]", "[data-shell]", "what-if button.primary",
].join(", ");

function mark(): void {
  for (const c of document.querySelectorAll<HTMLElement>(CHANGES)) {
    if (c instanceof HTMLFieldSetElement) c.disabled = true;
    else if (c.ariaDisabled !== "true") c.ariaDisabled = "true";
    if (c.title !== LOOKS) c.title = LOOKS;
  }
}

let away = (): void => undefined; // takes the last notice away

function stop(e: Event): void {
  const at = e.target as Element;
  const of = e.type === "submit" ? at.querySelector(CHANGES) : at.closest(CHANGES);
  if (!of) return;
  e.preventDefault();
  e.stopImmediatePropagation();
  away();
  away = toast(LOOKS);
}

/** Marks what there is now, and what comes. */
export function forbid(): void {
  let soon = 0;
  const later = new MutationObserver(() => {
    soon ||= requestAnimationFrame(() => {
      soon = 0;
      mark();
    });
  });
  mark();
  later.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["disabled"] });
  for (const what of ["click", "submit", "dblclick"]) addEventListener(what, stop, { capture: true });
}
