// On a phone the parts of the page are views, one at a time: which of them is in sight.
import { effect, signal } from "@preact/signals-core";
import { forTab } from "./keep";

/** Where a page is too small for its columns; css/narrow.css says the same. */
const small = matchMedia("(max-width: 860px), (max-height: 480px)");
export const narrow = signal(small.matches);
small.addEventListener("change", () => (narrow.value = small.matches));

export type View = "lesson" | "map" | "details" | "dock";

const hasLesson = document.getElementById("lesson") !== null;
const kept = forTab.get("podhop.sight") as View | null;

export const sight = signal<View>(kept && (kept !== "lesson" || hasLesson) ? kept : hasLesson ? "lesson" : "map");
effect(() => forTab.set("podhop.sight", sight.value));
