// <page-views>: on a phone, the way from one part of the page to the next; and
// <lesson-fold>: in a wide window, what folds the lesson away.
import { html, nothing, type TemplateResult } from "lit-html";
import { fold, folded, tab } from "../state/areas";
import { recorded } from "../state/data";
import { Part } from "../state/part";
import { narrow, sight, type View } from "../state/sight";
import { nameOfTab, showTab } from "./dock";
import { icon } from "./icons";

class PageViews extends Part {
  #last = recorded ? "journeys" : "editor"; // of the tabs that have no view of their own

  protected view(): TemplateResult {
    if (!narrow.value) return html``;
    const at = sight.value;
    const up = tab.value;
    if (up !== "details" && up !== "terminal") this.#last = up;
    const last = this.#last;
    const item = (text: string, on: boolean, go: () => void) => html`<button type="button" aria-current=${on} @click=${go}>${text}</button>`;
    const view = (v: View, text: string) => item(text, at === v, () => (sight.value = v));
    return html`<nav class="jump" aria-label="Parts of this page">
      ${document.getElementById("lesson") ? view("lesson", "Lesson") : nothing}${view("map", "Map")}${view("details", "Journey")}
      ${item(nameOfTab(last), at === "dock" && up !== "terminal", () => showTab(last))}
      ${document.getElementById("panel-terminal") ? item("Terminal", at === "dock" && up === "terminal", () => showTab("terminal")) : nothing}</nav>`;
  }
}

class LessonFold extends Part {
  protected view(): TemplateResult {
    if (narrow.value) return html``;
    const shut = folded.value.has("lesson");
    return html`<button type="button" class=${shut ? "unfold-lesson" : "icon"} aria-expanded=${!shut} aria-label="Lesson" title=${shut ? "Unfold the lesson" : "Fold the lesson"} @click=${() => fold("lesson", !shut)}>${shut ? html`${icon("open")}<span>Lesson</span>` : icon("back")}</button>`;
  }
}

customElements.define("page-views", PageViews);
customElements.define("lesson-fold", LessonFold);
