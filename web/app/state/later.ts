// A part of the page that is drawn by a later chunk.
import { type ReadonlySignal, signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";

export interface Later<M> {
  /** The chunk, once it is here. */
  here: ReadonlySignal<M | null>;
  /** Asks for it, once. */
  load(): void;
  /** Draws with it; until it is there, says so. */
  draw(view: (m: M) => TemplateResult): TemplateResult;
}

export function later<M>(chunk: () => Promise<M>): Later<M> {
  const here = signal<M | null>(null);
  const failed = signal(false);
  let asked = false;
  const load = (): void => {
    if (asked) return;
    asked = true;
    chunk().then((m) => (here.value = m), () => (failed.value = true));
  };
  return {
    here,
    load,
    draw(view) {
      if (failed.value) return html`<p class="empty">This part of the page could not be loaded. Reload the page to try again.</p>`;
      return here.value ? view(here.value) : html`<p class="empty" role="status">Loading…</p>`;
    },
  };
}
