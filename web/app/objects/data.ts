// <object-data>: what a ConfigMap or a Secret holds. Values of Secrets are hidden until
// somebody asks for one.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { copy } from "../state/copy";
import type { KubeObject } from "./object";
import { WholePart } from "./whole";

const SHOWN = 20_000; // characters of a value; all of it is copied

class ObjectData extends WholePart {
  readonly #open = signal<ReadonlySet<string>>(new Set());

  protected show(o: KubeObject): TemplateResult {
    const secret = this.ref.kind === "Secret";
    const values: [string, Value][] = [
      ...Object.entries(o.data ?? {}).map(([k, v]): [string, Value] => [k, secret ? decode(v) : { text: v, bytes: new TextEncoder().encode(v).length }]),
      ...Object.entries((o.binaryData ?? {}) as Record<string, string>).map(([k, v]): [string, Value] => [k, decode(v)]),
    ];
    if (values.length === 0) return html`<p class="muted">It holds nothing.</p>`;
    return html`<ul class="values">${values.map(([key, v]) => this.#value(key, v, secret))}</ul>`;
  }

  #value(key: string, v: Value, secret: boolean): TemplateResult {
    const open = !secret || this.#open.value.has(key);
    return html`<li><div class="side-bar"><b>${key}</b> <span class="muted">${size(v.bytes)}${secret ? ", decoded from base64" : ""}</span>
        ${secret ? html`<button type="button" class="quiet" aria-expanded=${open} aria-label=${`${open ? "Hide" : "Show"} ${key}`} @click=${() => this.#toggle(key)}>${open ? "Hide" : "Show"}</button>` : nothing}
        <button type="button" class="quiet" aria-label=${`Copy ${key}`} ?disabled=${v.text === null} @click=${() => void copy(v.text ?? "")}>Copy</button></div>
      ${!open ? html`<pre aria-hidden="true" class="muted">••••••••</pre>` : v.text === null ? html`<p class="muted">Not a text.</p>`
        : html`<pre tabindex="0" aria-label=${`Value of ${key}`}>${v.text.slice(0, SHOWN)}</pre>${v.text.length > SHOWN ? html`<p class="muted">Its beginning; Copy takes all of it.</p>` : nothing}`}</li>`;
  }

  #toggle(key: string): void {
    const next = new Set(this.#open.value);
    if (!next.delete(key)) next.add(key);
    this.#open.value = next;
  }
}

interface Value {
  text: string | null; // null: bytes that are no UTF-8
  bytes: number;
}

function decode(base64: string): Value {
  try {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    try {
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), bytes: bytes.length };
    } catch {
      return { text: null, bytes: bytes.length };
    }
  } catch {
    return { text: base64, bytes: base64.length }; // not base64: as it stands
  }
}

const size = (n: number): string => (n < 1024 ? `${n} B` : n < 1024 * 1024 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`);

customElements.define("object-data", ObjectData);
