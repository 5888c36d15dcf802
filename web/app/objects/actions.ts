// <object-actions>: what can be done with the object in the details: shown on the map,
// edited, scaled, restarted, deleted. The API decides, and its words are shown.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { openObject } from "../editor/open";
import { reveal } from "../state/reveal";
import { Part } from "../state/part";
import { recorded } from "../state/data";
import { onMap, type Ref, shownRef, vertexOf } from "../state/resource";
import { askDelete, restart, RESTARTED, scale, scaleOf } from "./deeds";
import { findKind, type Kind, kindOf } from "./discovery";

const scaling = signal<{ ref: Ref; now: number } | null>(null);
const trouble = signal("");

class ObjectActions extends Part {
  #for = ""; // the object that this is about

  protected view(): TemplateResult {
    const ref = shownRef.value;
    if (!ref || recorded) return html``;
    const kind = kindOf(ref.apiVersion, ref.kind);
    if (this.#for !== vertexOf(ref)) {
      this.#for = vertexOf(ref);
      if (!kind) void findKind(ref); // drawn again when kinds are known
      queueMicrotask(() => ((trouble.value = ""), (scaling.value = null)));
    }
    return html`<div class="actions">
        ${onMap(ref) ? html`<button type="button" class="quiet" data-do="map" @click=${() => toMap(ref)}>On the map</button>` : nothing}
        ${kind?.verbs.includes("patch") ? html`<button type="button" class="quiet" data-do="edit" @click=${() => void openObject(ref.apiVersion, ref.kind, ref.namespace ?? "", ref.name)}>Edit</button>` : nothing}
        ${kind?.subresources.includes("scale") ? html`<button type="button" class="quiet" data-do="scale" aria-expanded=${scaling.value !== null} @click=${() => void this.#askScale(ref, kind)}>Scale</button>` : nothing}
        ${kind && RESTARTED.includes(kind.key) ? html`<button type="button" class="quiet" data-do="restart" @click=${() => void tried(restart(ref, kind))}>Restart</button>` : nothing}
        ${kind?.verbs.includes("delete") ? html`<button type="button" class="quiet" data-do="delete" @click=${() => void tried(askDelete(ref, kind))}>Delete</button>` : nothing}
      </div>
      ${scaling.value ? this.#scale(scaling.value, kind!) : nothing}
      ${trouble.value ? html`<p class="bad" role="alert">${trouble.value}</p>` : nothing}`;
  }

  async #askScale(ref: Ref, kind: Kind): Promise<void> {
    if (scaling.peek()) {
      scaling.value = null;
      return;
    }
    await tried(scaleOf(ref, kind).then((now) => void (scaling.value = { ref, now })));
    this.querySelector<HTMLInputElement>("[name=replicas]")?.select();
  }

  #scale(s: { ref: Ref; now: number }, kind: Kind): TemplateResult {
    return html`<form class="side-bar scale" @submit=${(e: Event) => {
      e.preventDefault();
      const wanted = (e.target as HTMLFormElement).elements.namedItem("replicas") as HTMLInputElement;
      void tried(scale(s.ref, kind, Number(wanted.value), s.now).then(() => void (scaling.value = null)));
    }}><label>Replicas <input name="replicas" type="number" min="0" max="1000" step="1" required .value=${String(s.now)}></label>
      <button class="primary">Scale</button><button type="button" class="quiet" @click=${() => (scaling.value = null)}>Cancel</button></form>`;
  }
}

async function tried(deed: Promise<void>): Promise<void> {
  trouble.value = "";
  try {
    await deed;
  } catch (e) {
    trouble.value = e instanceof Error ? e.message : String(e);
  }
}

function toMap(ref: Ref): void {
  reveal("map");
  const id = vertexOf(ref);
  [...document.querySelectorAll<SVGElement>("pod-map [data-vertex]")].find((x) => x.dataset.vertex === id)?.focus();
}

customElements.define("object-actions", ObjectActions);
