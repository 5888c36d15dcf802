// Keys that are not for the program in the terminal. Tab is: so there are others that
// lead out (WCAG 2.1.2), and the panel says which.
import { leave } from "./leave";
import { searching } from "./options";
import type { Screen } from "./screen";

/** For xterm.js: false keeps a key from the program. */
export function keyHandler(screen: Screen): (event: KeyboardEvent) => boolean {
  return (event) => {
    const act = actionOf(event, screen);
    if (act === undefined) return true;
    if (act !== null && event.type === "keydown") {
      event.preventDefault();
      act();
    }
    return false;
  };
}

// Undefined: for the program. Null: for the browser.
function actionOf(e: KeyboardEvent, screen: Screen): (() => void) | null | undefined {
  if (e.key === "F6" && !e.ctrlKey && !e.altKey && !e.metaKey) return () => leave(screen.element, e.shiftKey);
  if (e.key === "Insert" && e.ctrlKey && !e.shiftKey) return () => void screen.copy();
  if (e.key === "Insert" && e.shiftKey && !e.ctrlKey) return null; // pastes
  if (!e.shiftKey || !(e.ctrlKey || e.metaKey) || e.altKey) return undefined;
  switch (e.key.toLowerCase()) {
    case "c":
      return () => void screen.copy();
    case "f":
      return () => (searching.value = true);
    case "v":
      return null;
  }
  return undefined;
}
