// <dock-tabs>: the tabs under the map. The panels are in the server's HTML; this
// shows one of them at a time, and keeps its choice over reloads.
import { computed, effect, signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { recorded } from "../state/data";
import { forTab } from "../state/keep";
import { moveInList } from "../state/keys";
import { Part } from "../state/part";
import { hidden, shown } from "../state/shown";
import { events, vertices } from "../state/store";
import { isObject } from "./objects";

const objects = computed(() => [...vertices.value.values()].filter(isObject).length);
const warnings = computed(() => events.value.filter((e) => e.type === "Warning").length);

export const tab = signal(forTab.get("podhop.tab") ?? (recorded ? "journeys" : "editor"));

/** Brings a tab to the front, wherever it is. */
export function showTab(id: string): void {
  tab.value = id;
}

interface Tab {
  id: string;
  name: string;
  count: () => number;
  of?: () => number; // more, that a filter hides
}

const tabs: Tab[] = [
  { id: "editor", name: recorded ? "Manifests" : "Editor", count: () => 0 },
  { id: "objects", name: "Objects", count: () => objects.value },
  { id: "journeys", name: "Journeys", count: () => shown.value.length, of: () => hidden.value },
  ...(recorded ? [] : [{ id: "whatif", name: "What if", count: () => 0 }]),
  { id: "events", name: "Events", count: () => events.value.length },
];

class DockTabs extends Part {
  protected view(): TemplateResult {
    return html`<div class="tabs" role="tablist" aria-label=${recorded ? "Manifests and lists" : "Editor and lists"} @keydown=${this.#key}>
      ${tabs.map((t) => html`<button type="button" role="tab" id=${`tab-${t.id}`} aria-controls=${`panel-${t.id}`}
        aria-selected=${tab.value === t.id} tabindex=${tab.value === t.id ? 0 : -1} @click=${() => (tab.value = t.id)}>${t.name}
        ${t.count() > 0 ? html`<span class=${t.id === "events" && warnings.value > 0 ? "count warn" : "count"}>${t.count()}</span>` : ""}${t.of && t.of() > 0 ? html`<span class="count"> of ${t.count() + t.of()}</span>` : ""}</button>`)}
    </div>`;
  }

  #key = (event: KeyboardEvent): void => {
    const next = moveInList(event, "[role=tab]");
    if (next) tab.value = next.id.slice(4);
  };
}

effect(() => {
  const chosen = tabs.some((t) => t.id === tab.value) ? tab.value : "editor";
  tab.value = chosen; // a recording has no tab What if
  forTab.set("podhop.tab", chosen);
  for (const t of tabs) {
    const panel = document.getElementById(`panel-${t.id}`);
    if (panel) panel.hidden = t.id !== chosen;
  }
});

customElements.define("dock-tabs", DockTabs);
