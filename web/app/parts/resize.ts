// <dock-resize>: the edge between the map and the tabs, moved by pointer or keys.
import { forLong } from "../state/keep";

const KEY = "podhop.dock";
const LEAST = 120;
const STEP = 24;

class DockResize extends HTMLElement {
  readonly #main = this.closest<HTMLElement>("main")!;

  connectedCallback(): void {
    this.tabIndex = 0;
    this.setAttribute("role", "separator");
    this.setAttribute("aria-orientation", "horizontal");
    this.setAttribute("aria-label", "Height of the tabs");
    const kept = Number(forLong.get(KEY));
    if (kept > 0) this.#set(kept);
    this.#tell();
    this.addEventListener("pointerdown", (down) => {
      this.setPointerCapture(down.pointerId);
      const from = this.parentElement!.clientHeight + down.clientY;
      this.onpointermove = (move) => this.#set(from - move.clientY);
    });
    this.addEventListener("pointerup", () => (this.onpointermove = null));
    this.addEventListener("keydown", (e) => {
      const by = { ArrowUp: STEP, ArrowDown: -STEP }[e.key];
      if (by === undefined) return;
      e.preventDefault();
      this.#set(this.parentElement!.clientHeight + by);
    });
  }

  #set(height: number): void {
    const most = this.#main.clientHeight - 260; // the map must stay readable
    const px = Math.round(Math.max(LEAST, Math.min(most, height)));
    this.#main.style.setProperty("--dock", `${px}px`);
    forLong.set(KEY, String(px));
    this.#tell();
  }

  #tell(): void {
    const share = (100 * this.parentElement!.clientHeight) / (this.#main.clientHeight || 1);
    this.setAttribute("aria-valuenow", String(Math.round(share)));
  }
}

customElements.define("dock-resize", DockResize);
