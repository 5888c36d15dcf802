// <page-edge of="dock">: an edge between two areas, moved by pointer or keys. Enter folds
// what it borders, a double click gives it the size it had at first.
import { effect } from "@preact/signals-core";
import { type Edge, fold, folded, resize, sizes } from "../state/areas";

const STEP = 24; // px
const MAP = { width: 320, height: 240 }; // px: the map must stay readable

const LABELS: Record<Edge, string> = { dock: "Height of the tabs", split: "Width of the left tabs", side: "Width of the side column", lesson: "Width of the lesson" };

class PageEdge extends HTMLElement {
  readonly #of = this.getAttribute("of") as Edge;
  readonly #main = document.querySelector("main")!;

  connectedCallback(): void {
    const upright = this.#of !== "dock";
    this.tabIndex = 0;
    this.setAttribute("role", "separator");
    this.setAttribute("aria-orientation", upright ? "vertical" : "horizontal");
    this.setAttribute("aria-label", LABELS[this.#of]);
    this.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      this.setPointerCapture(down.pointerId);
      const was = this.#measure();
      this.onpointermove = (move) => this.#set(was.now + (upright ? move.clientX - down.clientX : move.clientY - down.clientY) * was.sign * was.scale);
    });
    const end = () => (this.onpointermove = null);
    this.addEventListener("pointerup", end);
    this.addEventListener("pointercancel", end);
    this.addEventListener("dblclick", () => resize(this.#of, null));
    this.addEventListener("keydown", this.#key);
    this.addEventListener("focus", () => this.#tell());
    effect(() => {
      const px = sizes.value[this.#of];
      const frame = document.querySelector<HTMLElement>(".columns")!;
      if (this.#of === "split") {
        frame.style.setProperty("--left", px ? `${px}fr` : "");
        frame.style.setProperty("--right", px ? `${100 - px}fr` : "");
      } else frame.style.setProperty(`--${this.#of}`, px ? `${px}px` : "");
    });
    new ResizeObserver(() => this.#tell()).observe(this.#main);
  }

  #key = (e: KeyboardEvent): void => {
    const was = this.#measure();
    const upright = this.#of !== "dock";
    const by = upright ? { ArrowRight: STEP, ArrowLeft: -STEP }[e.key] : { ArrowDown: STEP, ArrowUp: -STEP }[e.key];
    if (by !== undefined) this.#set(was.now + by * was.sign * was.scale);
    else if (e.key === "Home") this.#set(was.least);
    else if (e.key === "End") this.#set(was.most);
    else if (e.key === "Enter" && this.#of !== "split") fold(this.#of, !folded.value.has(this.#of));
    else return;
    e.preventDefault();
  };

  // How large it is, in px, of the split in percent; which way it grows, and how far.
  #measure(): { now: number; least: number; most: number; sign: number; scale: number } {
    const main = this.#main.getBoundingClientRect();
    const box = (selector: string) => document.querySelector(selector)?.getBoundingClientRect() ?? new DOMRect();
    switch (this.#of) {
      case "dock": {
        const strip = box("dock-tabs[area=left]");
        return { now: main.bottom - strip.bottom, least: 80, most: main.height - strip.height - MAP.height, sign: -1, scale: 1 };
      }
      case "split": {
        const [left, right] = [box("dock-tabs[area=left]").width, box("dock-tabs[area=right]").width];
        const scale = 100 / (left + right || 1);
        return { now: left * scale, least: 15, most: 85, sign: 1, scale };
      }
      case "side":
        return { now: box("dock-tabs[area=side]").width, least: 240, most: Math.min(main.width - MAP.width, main.width * 0.6), sign: -1, scale: 1 };
      case "lesson":
        return { now: box("#lesson").width, least: 220, most: innerWidth * 0.45, sign: 1, scale: 1 };
    }
  }

  #set(to: number): void {
    const { least, most } = this.#measure();
    resize(this.#of, Math.max(least, Math.min(most, to)));
    this.#tell();
  }

  #tell(): void {
    const { now, least, most } = this.#measure();
    const all = this.#of === "dock" ? this.#main.clientHeight : this.#of === "split" ? 100 : innerWidth;
    const share = (x: number) => String(Math.round((100 * x) / (all || 1)));
    this.setAttribute("aria-valuenow", share(now));
    this.setAttribute("aria-valuemin", share(least));
    this.setAttribute("aria-valuemax", share(Math.max(least, most)));
  }
}

customElements.define("page-edge", PageEdge);
