// <page-inspector>: what is chosen: a packet's journey, or an object.
import { html, type TemplateResult } from "lit-html";
import { recorded } from "../state/data";
import { later } from "../state/later";
import { Part } from "../state/part";
import { conversation, object, view } from "../state/selection";
import { apart, clearTerms, hidden, showCalls, shown } from "../state/shown";
import { journeyView, recentView } from "./journey";
import { shownRef } from "../state/resource";
import "./expand";

/** Everything about objects: a chunk that comes when the pointer or the keyboard is over one. */
export const details = later(() => import("./details"));
for (const e of ["pointerover", "focusin"]) document.querySelector("pod-map")?.addEventListener(e, details.load, { once: true });

class PageInspector extends Part {
  protected view(): TemplateResult {
    if (view.value === "object" && object.value) {
      const of = object.value;
      details.load();
      return details.draw((m) => m.objectView(of));
    }
    if (shownRef.value) {
      const ref = shownRef.value;
      details.load();
      return details.draw((m) => m.resourceView(ref));
    }
    if (conversation.value) return journeyView(conversation.value);
    if (shown.value.length > 0) return recentView(shown.value.slice(0, 30));
    if (hidden.value > 0) return html`<h2>Journeys</h2><p class="muted">The filter hides ${hidden.value === 1 ? "the only one" : `all ${hidden.value}`} there ${hidden.value === 1 ? "is" : "are"}. <button type="button" class="link" @click=${clearTerms}>Clear the filter</button></p>`;
    if (apart.value > 0) return html`<h2>Journeys</h2><p class="muted">Nothing so far but calls of the API server, as kubectl makes them: ${apart.value} of them, left out here. <button type="button" class="link" @click=${() => showCalls(true)}>Show them</button></p>`;
    if (recorded) return html`<h2>Journeys</h2><p class="muted">No packet has been sent yet. Play on, or step to the first one.</p>`;
    return html`<h2>Journeys</h2>
      <p class="muted">No packet has been sent yet. Each one will be told here, as the kernel saw it.</p>
      <ol class="begin">
        <li>Load a manifest into the editor, and press <b>Apply</b>.</li>
        <li>When its pods are green, choose <b>from</b> and <b>to</b>, and press <b>Send</b>.</li>
        <li>Follow each packet: every interface it crossed, every rule that changed it, and the object behind the rule.</li>
      </ol>`;
  }

  // The chosen hop stays in sight when it is chosen on the map.
  protected override drawn(): void {
    const on = this.querySelector<HTMLElement>(".hops [aria-current]");
    if (!on || on === document.activeElement) return;
    const frame = this.parentElement!.getBoundingClientRect();
    const box = on.closest("li")!.getBoundingClientRect();
    if (box.top < frame.top || box.bottom > frame.bottom) this.parentElement!.scrollTop += box.top - frame.top - 80;
  }
}

customElements.define("page-inspector", PageInspector);
