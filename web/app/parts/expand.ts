// Makes the details wider, for what is wider than they are.
import { effect, signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { forTab } from "../state/keep";

const wide = signal(forTab.get("podhop.wide") === "yes");

effect(() => {
  document.querySelector(".columns")?.classList.toggle("wide", wide.value);
  forTab.set("podhop.wide", wide.value ? "yes" : "no");
});

export function expandButton(): TemplateResult {
  return html`<button type="button" class="icon expand" aria-pressed=${wide.value} aria-label="Wide details" title=${wide.value ? "Narrower" : "Wider"} @click=${() => (wide.value = !wide.value)}>${wide.value ? "⇥" : "⇤"}</button>`;
}
