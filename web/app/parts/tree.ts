// <map-tree>: the map in words. Arrow keys move over it as over any tree.
import { computed, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { Part } from "../state/part";
import { hop, journey, objectID, showHop, showObject, view } from "../state/selection";
import { edges, vertices } from "../state/store";
import { type Branch, treeOf } from "../state/tree";
import { icon } from "./icons";

interface Item {
  branch: Branch;
  level: number;
  open: boolean;
  parent: string; // key
}

class MapTree extends Part {
  readonly #shut = signal<ReadonlySet<string>>(new Set());
  readonly #stop = signal(""); // the key of the item in the tab order
  readonly #items = computed<Item[]>(() => {
    const shut = this.#shut.value;
    return treeOf(vertices.value, edges.value.values(), journey.value).flatMap((branch) => {
      const open = !shut.has(branch.key);
      return [{ branch, level: 1, open, parent: "" }, ...(open ? branch.children.map((b) => ({ branch: b, level: 2, open: false, parent: branch.key })) : [])];
    });
  });

  protected view(): TemplateResult {
    const items = this.#items.value;
    const stop = items.some((i) => i.branch.key === this.#stop.value) ? this.#stop.value : items[0]?.branch.key;
    const passed = new Set(journey.value?.hops?.map((h) => h.place.vertex));
    return html`<div class="tree" role="tree" aria-label="The map as a tree" @keydown=${this.#key} @click=${this.#click}>
      ${repeat(items, (i) => i.branch.key, (i) => item(i, i.branch.key === stop, passed))}</div>`;
  }

  #find = (event: Event): Item | undefined => {
    const key = (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset.key;
    return this.#items.value.find((i) => i.branch.key === key);
  };

  #click = (event: Event): void => {
    const i = this.#find(event);
    if (!i) return;
    this.#stop.value = i.branch.key;
    if ((event.target as Element).closest(".unfold")) this.#fold(i.branch.key, i.open);
    else this.#choose(i);
  };

  #choose(i: Item): void {
    const { hop, vertex } = i.branch;
    if (hop !== undefined) showHop(hop);
    else if (vertex) showObject(vertex);
    else this.#fold(i.branch.key, i.open);
  }

  #fold(key: string, open: boolean): void {
    const next = new Set(this.#shut.value);
    if (open) next.add(key);
    else next.delete(key);
    this.#shut.value = next;
  }

  #key = (event: KeyboardEvent): void => {
    const items = this.#items.value;
    const i = this.#find(event);
    if (!i || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = items.indexOf(i);
    const folds = i.branch.children.length > 0;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) this.#go(items[to]);
    else if (event.key === "ArrowRight" && folds) i.open ? this.#go(items[at + 1]) : this.#fold(i.branch.key, false);
    else if (event.key === "ArrowLeft" && folds && i.open) this.#fold(i.branch.key, true);
    else if (event.key === "ArrowLeft") this.#go(items.find((x) => x.branch.key === i.parent));
    else if (event.key === "Enter" || event.key === " ") this.#choose(i);
    else return;
    event.preventDefault();
  };

  #go(i: Item | undefined): void {
    if (!i) return;
    this.#stop.value = i.branch.key;
    [...this.querySelectorAll<HTMLElement>("[data-key]")].find((x) => x.dataset.key === i.branch.key)?.focus();
  }
}

function item(i: Item, stop: boolean, passed: ReadonlySet<string>): TemplateResult {
  const b = i.branch;
  const chosen = b.hop !== undefined ? hop.value === b.hop : view.value === "object" && b.vertex !== undefined && objectID.value === b.vertex;
  return html`<div role="treeitem" data-key=${b.key} aria-level=${i.level} aria-expanded=${b.children.length > 0 ? i.open : nothing} aria-selected=${chosen} tabindex=${stop ? 0 : -1} class=${chosen ? "chosen" : ""}>
    ${b.children.length > 0 ? html`<span class="unfold" aria-hidden="true">${icon(i.open ? "shut" : "open")}</span>` : html`<span class="unfold" aria-hidden="true"></span>`}
    <b>${b.name}</b> <span class="muted">${b.says}</span>${b.vertex && passed.has(b.vertex) ? html` <span class="passed">the packet was here</span>` : nothing}</div>`;
}

customElements.define("map-tree", MapTree);
