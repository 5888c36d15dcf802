// <what-if>: what a change of NetworkPolicies would do. What draws it is a later
// chunk, which comes when the tab is first looked at.
import { effect, signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { Part } from "../state/part";
import { isUp } from "./dock";

const drawing = signal<typeof import("./whatif-view") | null>(null);
const failed = signal(false);

class WhatIfPanel extends Part {
  protected view(): TemplateResult {
    if (failed.value) return html`<p class="empty">This part of the page could not be loaded. Reload the page to try again.</p>`;
    return drawing.value ? drawing.value.view() : html`<p class="empty">Loading…</p>`;
  }

  protected override drawn(): void {
    drawing.peek()?.drawn(this);
  }
}

effect(() => {
  if (!isUp("whatif")) return;
  if (drawing.value) drawing.value.shown();
  else import("./whatif-view").then((m) => (drawing.value = m), () => (failed.value = true));
});

customElements.define("what-if", WhatIfPanel);
