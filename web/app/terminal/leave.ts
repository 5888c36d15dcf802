// The way out of a terminal by keyboard.

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex]";

/** Moves the focus to what comes after the terminals on the page, or back to their tabs. */
export function leave(from: Element, back: boolean): void {
  const panel = from.closest("terminal-panel")!;
  if (back) {
    panel.querySelector<HTMLElement>("[role=tab][aria-selected=true], button")?.focus();
    return;
  }
  const all = [...document.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((e) => e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }) && !panel.contains(e));
  const next = all.find((e) => panel.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING);
  (next ?? all[0])?.focus();
}
