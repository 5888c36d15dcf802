// A live part of the page: a custom element without a shadow, drawn again
// whenever a signal that its view() read has changed.
import { effect } from "@preact/signals-core";
import { render, type TemplateResult } from "lit-html";

export abstract class Part extends HTMLElement {
  #stop: (() => void) | null = null;

  connectedCallback(): void {
    this.#stop = effect(() => {
      render(this.view(), this);
      this.drawn();
    });
  }

  disconnectedCallback(): void {
    this.#stop?.();
  }

  protected abstract view(): TemplateResult;

  /** Called after each drawing. */
  protected drawn(): void {}
}
