// <dock-tabs area="left">: the tabs of one area. The panels are in the server's HTML; of
// each area one is shown at a time. Tabs move by keys and, what comes as a later chunk,
// by a menu and by dragging.
import { computed, effect, untracked } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import { type Area, areaOf, fold, folded, foldOf, fronts, isUp, lift, listed, panels, raise, shift, tab, tabs as placed, whole } from "../state/areas";
import { recorded } from "../state/data";
import { byMouse, moveInList } from "../state/keys";
import { Part } from "../state/part";
import { conversationID, objectID, view } from "../state/selection";
import { narrow, sight } from "../state/sight";
import { hidden, shown } from "../state/shown";
import { events, vertices } from "../state/store";
import { enter } from "../state/terminals";
import { icon } from "./icons";
import { isObject } from "./objects";

const objects = computed(() => [...vertices.value.values()].filter(isObject).length);
const warnings = computed(() => events.value.filter((e) => e.type === "Warning").length);

/** Brings a tab to the front, wherever it is. */
export const showTab = raise;
export { isUp, tab };

interface Tab {
  id: string;
  name: string;
  count: () => number;
  of?: () => number; // more, that a filter hides
}

const all: Tab[] = [
  { id: "editor", name: recorded ? "Manifests" : "Editor", count: () => 0 },
  ...(recorded ? [] : [{ id: "terminal", name: "Terminal", count: () => 0 }]),
  { id: "objects", name: "Objects", count: () => objects.value },
  { id: "journeys", name: "Journeys", count: () => shown.value.length, of: () => hidden.value },
  ...(recorded ? [] : [{ id: "whatif", name: "What if", count: () => 0 }]),
  { id: "events", name: "Events", count: () => events.value.length },
  { id: "details", name: "Details", count: () => 0 },
];

export const nameOfTab = (id: string): string => all.find((t) => t.id === id)?.name ?? id;
export const tabIDs = (): string[] => all.map((t) => t.id);

const arrange = () => import("./arrange");
const REORDER: Record<string, number> = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
const NAMES: Record<Area, string> = { left: recorded ? "Manifests and lists" : "Editor and lists", right: "Right group", side: "Side column" };

class DockTabs extends Part {
  #seen = "";

  get #area(): Area {
    return this.getAttribute("area") as Area;
  }

  protected view(): TemplateResult {
    const area = this.#area;
    const ids = narrow.value ? (area === "left" ? listed.value : []) : placed.value[area];
    if (ids.length === 0) return html``;
    const front = fronts.value[area];
    const shut = !narrow.value && folded.value.has(foldOf(area));
    return html`<div class="tabs" role="tablist" aria-label=${NAMES[area]} aria-orientation=${shut && area === "side" ? "vertical" : "horizontal"} @keydown=${this.#key} @pointerdown=${this.#press} @contextmenu=${this.#menu}>
        ${ids.map((id) => this.#tab(id, id === front))}</div>
      ${narrow.value ? nothing : html`<span class="tab-tools"><button type="button" class="icon move-tab" aria-haspopup="menu" aria-label=${`Move ${nameOfTab(front)}`} title="Move this tab" @click=${this.#more}>⋯</button>
        ${area === "left" && placed.value.right.length > 0 ? nothing : html`<button type="button" class="icon fold" aria-expanded=${!shut} aria-label=${area === "side" ? "Side column" : "Tabs under the map"} title=${shut ? "Unfold" : "Fold"}
          @click=${() => fold(foldOf(area), !shut)}>${icon(shut ? "grow" : "shrink")}</button>`}</span>`}`;
  }

  // Of more tabs than fit, the one in front is in sight.
  protected override drawn(): void {
    const front = this.querySelector<HTMLElement>("[aria-selected=true]");
    if (!front || front.id === this.#seen) return;
    this.#seen = front.id;
    front.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #tab(id: string, front: boolean): TemplateResult {
    const t = all.find((x) => x.id === id)!;
    return html`<button type="button" role="tab" id=${`tab-${id}`} aria-controls=${`panel-${id}`} data-tab=${id} aria-keyshortcuts="Shift+F10"
        aria-selected=${front} tabindex=${front ? 0 : -1} @click=${(e: Event) => this.#click(id, e)}>${t.name}
        ${t.count() > 0 ? html`<span class=${id === "events" && warnings.value > 0 ? "count warn" : "count"}>${t.count()}</span>` : ""}${t.of && t.of() > 0 ? html`<span class="count"> of ${t.count() + t.of()}</span>` : ""}</button>`;
  }

  // A mouse that brings up the terminal is followed by typing; arrow keys stay at the tabs.
  #click(id: string, event: Event): void {
    raise(id);
    if (id === "terminal" && byMouse(event)) enter();
  }

  #key = (event: KeyboardEvent): void => {
    const id = tabAt(event);
    if (id && !narrow.value && event.ctrlKey && event.shiftKey && event.key in REORDER) {
      event.preventDefault();
      shift(id, REORDER[event.key]!);
      document.getElementById(`tab-${id}`)?.focus();
      const among = placed.value[areaOf(id)];
      announce(`${nameOfTab(id)} is tab ${among.indexOf(id) + 1} of ${among.length}`);
    } else if (id && ((event.key === "F10" && event.shiftKey) || event.key === "ContextMenu")) {
      this.#menu(event);
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey) {
      const next = moveInList(event, "[role=tab]");
      if (next) raise(next.dataset.tab!);
    }
  };

  #menu = (event: Event): void => {
    const id = tabAt(event);
    if (!id || narrow.value) return;
    event.preventDefault();
    void arrange().then((m) => m.openMenu(id));
  };

  #more = (event: Event): void => {
    const from = event.currentTarget as HTMLElement;
    void arrange().then((m) => m.openMenu(fronts.value[this.#area], from));
  };

  #press = (event: PointerEvent): void => {
    const id = tabAt(event);
    if (!id || event.button !== 0 || event.pointerType === "touch" || narrow.value) return;
    let held = true;
    addEventListener("pointerup", () => (held = false), { once: true });
    void arrange().then((m) => held && m.drag(id, event));
  };
}

const tabAt = (event: Event): string | undefined => (event.target as Element).closest<HTMLElement>("[data-tab]")?.dataset.tab;

effect(() => {
  const up = new Set(Object.values(fronts.value));
  for (const p of panels()) {
    const id = p.id.slice("panel-".length);
    p.hidden = !up.has(id);
    p.dataset.area = areaOf(id);
  }
});

effect(() => {
  const frame = document.querySelector(".columns");
  if (!frame) return;
  const t = placed.value;
  for (const area of ["left", "right", "side"] as const) frame.classList.toggle(`no-${area}`, t[area].length === 0);
  for (const part of ["dock", "side", "lesson"] as const) frame.classList.toggle(`fold-${part}`, folded.value.has(part));
  frame.classList.toggle("whole", whole.value);
  (frame as HTMLElement).dataset.sight = sight.value;
  // On a phone the lesson may be all there is.
  const lesson = document.getElementById("lesson");
  if (lesson) lesson.role = narrow.value && sight.value === "lesson" ? "main" : null;
});

// What is chosen is to be seen; but who goes through a list keeps the list.
let pressed: string | undefined | null = null; // the area where something was pressed last; null before
for (const type of ["click", "keydown"]) addEventListener(type, (e) => (pressed = (e.target as Element).closest<HTMLElement>("[role=tabpanel]")?.dataset.area), true);
let chosen = "";
effect(() => {
  const now = `${view.value} ${objectID.value ?? ""} ${conversationID.value ?? ""}`;
  if (chosen !== "" && now !== chosen) untracked(() => pressed !== null && pressed !== areaOf("details") && lift("details"));
  chosen = now;
});

customElements.define("dock-tabs", DockTabs);
