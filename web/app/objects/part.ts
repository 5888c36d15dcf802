// A side of the object that the details show. It begins when its kind is known and it is
// in sight, and ends when it is not.
import { signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { Part } from "../state/part";
import { type Ref, shownRef } from "../state/resource";
import { findKind, type Kind, trouble } from "./discovery";
import { whenSeen } from "./live";

export abstract class SidePart extends Part {
  protected readonly ref: Ref = shownRef.peek()!; // made anew for each object
  readonly #kind = signal<Kind | null>(null);
  readonly #unknown = signal(false);
  #unsee: (() => void) | null = null;
  #end: (() => void) | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    void findKind(this.ref).then((k) => {
      if (!this.isConnected) return;
      if (!k) {
        this.#unknown.value = true;
        return;
      }
      this.made(k);
      this.#kind.value = k;
      this.#unsee = whenSeen(this, (seen) => {
        this.#end?.();
        this.#end = seen ? this.begin(k) : null;
      });
    });
  }

  override disconnectedCallback(): void {
    this.#unsee?.();
    super.disconnectedCallback();
  }

  protected view(): TemplateResult {
    if (this.#unknown.value) return html`<p class="bad" role="alert">${trouble.value || `The API has no ${this.ref.kind} of ${this.ref.apiVersion} to list.`}</p>`;
    const k = this.#kind.value;
    return k ? this.draw(k) : html`<p class="muted" role="status">Asking…</p>`;
  }

  /** Called once, when the kind is known. */
  protected made(_kind: Kind): void {}
  /** Follows what is shown; the answer ends it. */
  protected abstract begin(kind: Kind): () => void;
  protected abstract draw(kind: Kind): TemplateResult;
}
