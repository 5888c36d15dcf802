// What changes something is disabled for who looks on, and says why. Parts of the page come
// and go, so this goes after them: the server refuses what is forgotten here.
import { LOOKS } from "../terminal/list";

const CHANGES = [
  ".send-button", ".editor-do button", ".samples button", ".new-file", ".more-files", ".close-file", ".extend", ".start-over",
  "[data-load]", "[data-fill]", "[data-solve]", "[data-run]", "step-checks button",
  ".network fieldset", ".switch", ".add-node", ".node-actions button", ".break-choices button", ".break-exact button", ".fault-list .quiet", ".broken .actions button",
  "[data-do=edit]", "[data-do=scale]", "[data-do=restart]", "[data-do=delete]",
  "terminal-panel [data-new]", "terminal-panel [data-close]", "terminal-panel [data-again]", "[data-shell]", "what-if button.primary",
].join(", ");

type Control = HTMLButtonElement | HTMLFieldSetElement;

function stop(of: ParentNode): void {
  for (const c of of.querySelectorAll<Control>(CHANGES)) {
    if (!c.disabled) c.disabled = true;
    if (c.title !== LOOKS) c.title = LOOKS;
  }
}

/** Disables what there is now, and what comes. */
export function forbid(): void {
  let soon = 0;
  const later = new MutationObserver(() => {
    soon ||= requestAnimationFrame(() => {
      soon = 0;
      stop(document);
    });
  });
  stop(document);
  later.observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["disabled"] });
}
