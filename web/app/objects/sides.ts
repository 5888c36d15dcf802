// <object-side>: the chosen side of the object in the details. Each has a part of its own.
import { html, type TemplateResult } from "lit-html";
import { keyed } from "lit-html/directives/keyed.js";
import { Part } from "../state/part";
import { shownRef, shownSide, vertexOf } from "../state/resource";
import "./actions";
import "./data";
import "./events";
import "./logs";
import "./overview";
import "./related";
import "./yaml";

class ObjectSide extends Part {
  protected view(): TemplateResult {
    const ref = shownRef.value;
    return ref ? html`${keyed(vertexOf(ref), view())}` : html``;
  }
}

function view(): TemplateResult {
  switch (shownSide.value) {
    case "yaml": return html`<object-yaml></object-yaml>`;
    case "data": return html`<object-data></object-data>`;
    case "logs": return html`<object-logs></object-logs>`;
    case "events": return html`<object-events></object-events>`;
    case "related": return html`<object-related></object-related>`;
    default: return html`<object-overview></object-overview>`;
  }
}

customElements.define("object-side", ObjectSide);
