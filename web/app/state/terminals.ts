// Commands that run in the learner's terminal, and shells that open in it. What does
// it is a later chunk: until it is called, this costs nothing.
import { showTab } from "../parts/dock";

export interface How {
  interrupt?: boolean; // Ctrl-C first
  place?: string; // where the terminal is; the learner's own machine without
  enter?: boolean; // the keyboard is the terminal's then
}

/** Whether somebody wants a terminal of their own choice: then none is opened unasked. */
export let wanted = false;

function panel() {
  wanted = true;
  showTab("terminal");
  return import("../terminal/panel");
}

/** Brings the terminal up, types a command into it, and Enter. */
export function run(text: string, how: How = {}): void {
  void panel().then((m) => m.run(text, how));
}

/** The keyboard is the terminal's that is in front. */
export function enter(): void {
  void import("../terminal/panel").then((m) => m.enter());
}

/** Opens a shell at a place: client, node/NAME, pod/NAMESPACE/NAME/CONTAINER. */
export function openAt(place: string): void {
  void panel().then((m) => m.openAt(place));
}
