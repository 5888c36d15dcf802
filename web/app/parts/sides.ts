// The sides of an object of the API: what can be done with it, and tabs for its YAML,
// logs, events and so on, which are a later chunk.
import { html, type TemplateResult } from "lit-html";
import { closeObject } from "../state/selection";
import { moveInList } from "../state/keys";
import { type Ref, side, sidesOf, shownSide } from "../state/resource";
import { expandButton } from "./expand";

/** An object that is not on the map. */
export function resourceView(ref: Ref): TemplateResult {
  return html`<div class="head"><h2><span class="kind">${ref.kind}</span> ${ref.namespace && ref.namespace !== "default" ? `${ref.namespace}/` : ""}${ref.name}</h2>
      <span class="tools">${expandButton()}<button type="button" class="icon" aria-label="Close, back to journeys" title="Back to journeys" @click=${closeObject}>×</button></span></div>
    ${sides(ref, true)}`;
}

/** The tabs of an object and what the chosen one shows; the overview too, if it is the API's alone. */
export function sides(ref: Ref, overview = false): TemplateResult {
  void import("../objects/sides");
  const now = shownSide.value;
  return html`<object-actions></object-actions>
    <div class="sides" role="tablist" aria-label="Sides of the object" @keydown=${key}>${sidesOf(ref).map(([id, name]) => html`<button type="button" role="tab" id=${`side-${id}`} aria-controls="side" aria-selected=${id === now} tabindex=${id === now ? 0 : -1} @click=${() => (side.value = id)}>${name}</button>`)}</div>
    ${now !== "overview" || overview ? html`<object-side id="side" role="tabpanel" aria-labelledby=${`side-${now}`}></object-side>` : html`<div id="side" role="tabpanel" aria-labelledby="side-overview" class="hidden">Below</div>`}`;
}

function key(event: KeyboardEvent): void {
  moveInList(event, "[role=tab]")?.click();
}
