// Moving tabs from area to area: the menu of a tab, and dragging it. A later chunk.
import { html, nothing, render, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import { type Area, areaOf, move, resetLayout, shift, tabs, whole } from "../state/areas";
import { moveInList } from "../state/keys";
import { nameOfTab } from "./dock";

const WHERE: Record<Area, string> = { left: "the left group", right: "the right group", side: "the side column" };
const CLICK = 6; // px that a pointer may move and still click

/** Where a tab can go: a group on the right needs another on the left. */
function placesFor(id: string): Area[] {
  const now = areaOf(id);
  const others = tabs.peek().left.some((x) => x !== id);
  return (["left", "right", "side"] as const).filter((a) => a !== now && (a !== "right" || others));
}

const tabButton = (id: string) => document.getElementById(`tab-${id}`);

function put(id: string, to: Area, index?: number): void {
  move(id, to, index);
  tabButton(id)?.focus();
  announce(`${nameOfTab(id)} is in ${WHERE[areaOf(id)]}`);
}

export function openMenu(id: string, from: HTMLElement | null = tabButton(id)): void {
  const box = document.createElement("div");
  box.className = "tab-menu";
  box.popover = "auto";
  box.setAttribute("role", "menu");
  box.setAttribute("aria-label", `Move ${nameOfTab(id)}`);
  const item = (text: string, act: () => void, keys?: string): TemplateResult => html`<button type="button" role="menuitem" tabindex="-1" @click=${() => {
    box.hidePopover();
    act();
  }}>${text}${keys ? html`<kbd>${keys}</kbd>` : nothing}</button>`;
  const among = tabs.peek()[areaOf(id)];
  const at = among.indexOf(id);
  const turn = (by: number) => () => {
    shift(id, by);
    tabButton(id)?.focus();
  };
  render(html`${placesFor(id).map((to) => item(`Move to ${WHERE[to]}`, () => put(id, to)))}
    ${at > 0 ? item("Before the tab before it", turn(-1), "Ctrl Shift ←") : nothing}
    ${at < among.length - 1 ? item("Behind the next tab", turn(1), "Ctrl Shift →") : nothing}
    <hr>${item("The map on the whole page", () => (whole.value = true), "F")}
    ${item("Reset the layout", resetLayout)}`, box);
  box.addEventListener("keydown", (e) => void moveInList(e, "[role=menuitem]"));
  box.addEventListener("toggle", (e) => {
    if ((e as ToggleEvent).newState !== "closed") return;
    box.remove();
    if (document.activeElement === document.body) (tabButton(id) ?? from)?.focus();
  });
  // In the landmark where its tab is.
  (tabButton(id)?.closest("section, aside, main") ?? document.body).append(box);
  box.showPopover();
  const anchor = (from ?? document.body).getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(anchor.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${anchor.bottom + 4 + box.offsetHeight > innerHeight ? anchor.top - box.offsetHeight - 4 : anchor.bottom + 4}px`;
  box.querySelector<HTMLElement>("[role=menuitem]")?.focus();
}

interface Target {
  area: Area;
  index: number;
  zone: DOMRect;
  line?: number; // x, or of an upright list y, between two tabs
  strip?: DOMRect;
}

export function drag(id: string, down: PointerEvent): void {
  const button = tabButton(id);
  if (!button) return;
  let mark: HTMLElement | null = null;
  let target: Target | null = null;
  const stop = new AbortController();
  const end = (): void => {
    stop.abort();
    mark?.remove();
    document.body.classList.remove("dragging");
  };
  const on = <K extends keyof DocumentEventMap>(type: K, act: (e: DocumentEventMap[K]) => void) => document.addEventListener(type, act, { signal: stop.signal, capture: true });
  on("pointermove", (e) => {
    if (!mark && Math.hypot(e.clientX - down.clientX, e.clientY - down.clientY) < CLICK) return;
    if (!mark) {
      mark = document.createElement("div");
      mark.className = "drop-mark";
      document.body.append(mark);
      document.body.classList.add("dragging");
    }
    target = targetAt(id, e.clientX, e.clientY);
    show(mark, target);
  });
  on("pointerup", () => {
    const to = target;
    const dragged = mark !== null;
    end();
    if (!dragged) return;
    // The click that follows would go to what is under the pointer now.
    addEventListener("click", (e) => e.stopPropagation(), { capture: true, once: true });
    setTimeout(() => {
      if (to) put(id, to.area, to.index);
    });
  });
  on("pointercancel", end);
  on("keydown", (e) => {
    if (e.key !== "Escape") return;
    e.preventDefault();
    e.stopPropagation();
    end();
  });
}

// Over a list of tabs it goes between two of them, over an area to its end; where
// there is no group or column yet, the part of the page that one would have stands for it.
function targetAt(id: string, x: number, y: number): Target | null {
  const main = document.querySelector("main")!.getBoundingClientRect();
  const stage = document.querySelector(".stage")!.getBoundingClientRect();
  const side = tabs.peek().side.length > 0 ? new DOMRect(stage.right, main.top, main.right - stage.right, main.height) : new DOMRect(main.right - main.width / 5, main.top, main.width / 5, main.height);
  const right = tabs.peek().side.length > 0 ? stage.right : main.right;
  const dock = tabs.peek().left.length > 0 ? new DOMRect(main.left, stage.bottom, right - main.left, main.bottom - stage.bottom) : new DOMRect(main.left, main.bottom - main.height / 3, right - main.left, main.height / 3);
  const strip = document.querySelector("dock-tabs[area=right]")!.getBoundingClientRect();
  const parted = tabs.peek().right.length > 0;
  const half = parted ? strip.left : dock.left + (dock.width * 2) / 3;
  const can = placesFor(id).concat(areaOf(id));
  const zones: [Area, DOMRect][] = [["side", side], ["right", new DOMRect(half, dock.top, dock.right - half, dock.height)], ["left", new DOMRect(dock.left, dock.top, (can.includes("right") ? half : dock.right) - dock.left, dock.height)]];
  const found = zones.find(([area, z]) => can.includes(area) && x >= z.left && x <= z.right && y >= z.top && y <= z.bottom);
  if (!found) return null;
  const [area, zone] = found;
  const list = document.querySelector(`dock-tabs[area=${area}] .tabs`);
  const box = list?.getBoundingClientRect();
  const others = [...(list?.querySelectorAll<HTMLElement>("[role=tab]") ?? [])].filter((t) => t.dataset.tab !== id);
  if (!box || y > box.bottom || list!.getAttribute("aria-orientation") === "vertical") return { area, index: others.length, zone };
  const index = others.findIndex((t) => x < t.getBoundingClientRect().x + t.offsetWidth / 2);
  const at = index < 0 ? others.length : index;
  const line = others[at]?.getBoundingClientRect().left ?? others.at(-1)?.getBoundingClientRect().right ?? box.left;
  return { area, index: at, zone, line, strip: box };
}

function show(mark: HTMLElement, t: Target | null): void {
  mark.hidden = t === null;
  if (!t) return;
  const r = t.line !== undefined && t.strip ? new DOMRect(t.line - 1.5, t.strip.top + 4, 3, t.strip.height - 8) : t.zone;
  mark.classList.toggle("between", t.line !== undefined);
  mark.style.left = `${r.left}px`;
  mark.style.top = `${r.top}px`;
  mark.style.width = `${r.width}px`;
  mark.style.height = `${r.height}px`;
}
