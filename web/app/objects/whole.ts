// A side that shows the object itself, as it is now.
import { html, type TemplateResult } from "lit-html";
import type { Kind } from "./discovery";
import { type KubeObject, LiveObject } from "./object";
import { SidePart } from "./part";

export abstract class WholePart extends SidePart {
  #live: LiveObject | null = null;

  protected override made(kind: Kind): void {
    this.#live = new LiveObject(kind, this.ref);
  }

  protected begin(): () => void {
    const live = this.#live!;
    live.start();
    return () => live.stop();
  }

  protected draw(): TemplateResult {
    const live = this.#live!;
    const o = live.object.value;
    if (live.trouble.value) return html`<p class="bad" role="alert">${live.trouble.value}</p>`;
    if (live.gone.value) return html`<p class="message not-ready" role="status">It has been deleted.</p>`;
    if (!o) return html`<p class="muted" role="status">Asking…</p>`;
    return this.show(o, live);
  }

  protected abstract show(o: KubeObject, live: LiveObject): TemplateResult;
}
