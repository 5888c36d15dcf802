// What a learner has chosen for all terminals.
import { effect, signal } from "@preact/signals-core";
import { forLong } from "../state/keep";

/** Whether the text is kept where screen readers find it; it costs speed. */
export const readAloud = signal(forLong.get("podhop.terminal-aloud") === "on");
effect(() => forLong.set("podhop.terminal-aloud", readAloud.value ? "on" : "off"));

/** Whether the search bar is there. */
export const searching = signal(false);
