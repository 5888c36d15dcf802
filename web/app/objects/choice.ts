// What the tab Objects shows, kept over reloads. Small: it comes with the page.
import { effect, signal } from "@preact/signals-core";
import { forTab } from "../state/keep";

export type By = "kind" | "place" | "all";

const kept = forTab.get("podhop.objects");
export const by = signal<By>(kept === "place" || kept === "all" ? kept : "kind");
effect(() => forTab.set("podhop.objects", by.value));

/** The kind whose objects are listed, as resource.group. */
export const wanted = signal(forTab.get("podhop.objects.kind") ?? "pods");
effect(() => forTab.set("podhop.objects.kind", wanted.value));
