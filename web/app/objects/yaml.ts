// <object-yaml>: an object as kubectl get -o yaml prints it, as it is now.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { kube } from "../state/kubernetes";
import { copy } from "../state/copy";
import { pathOf, type Kind } from "./discovery";
import { LiveObject } from "./object";
import { SidePart } from "./part";

const managed = signal(false); // whether managedFields are shown

class ObjectYAML extends SidePart {
  #live: LiveObject | null = null;
  #code: ((text: string) => void) | null = null;
  #loading = false;
  readonly #text = signal("");
  readonly #trouble = signal("");
  readonly #copied = signal(false);

  protected override made(kind: Kind): void {
    this.#live = new LiveObject(kind, this.ref);
  }

  protected begin(kind: Kind): () => void {
    const live = this.#live!;
    live.start();
    let asked = "";
    let busy = false;
    // The API writes the YAML itself, once for all changes that come while it does.
    const read = async (): Promise<void> => {
      const version = live.object.peek()?.metadata.resourceVersion ?? "";
      if (busy || version === asked || live.gone.peek()) return;
      busy = true;
      asked = version;
      try {
        this.#text.value = await (await kube(pathOf(kind, this.ref.namespace, this.ref.name), { accept: "application/yaml" })).text();
        this.#trouble.value = "";
      } catch (e) {
        this.#trouble.value = e instanceof Error ? e.message : String(e);
      }
      busy = false;
      void read();
    };
    const end = effect(() => {
      void live.object.value;
      void live.gone.value;
      void read();
    });
    return () => {
      end();
      live.stop();
    };
  }

  protected draw(): TemplateResult {
    const live = this.#live!;
    const said = live.gone.value ? "It has been deleted. This is how it was last." : live.trouble.value || this.#trouble.value;
    const whole = this.#text.value;
    return html`${said && !(live.gone.value && !whole) ? html`<p class=${live.gone.value ? "message not-ready" : "bad"} role="alert">${said}</p>` : nothing}
      ${live.gone.value && !whole ? html`<p class="message not-ready" role="status">It has been deleted.</p>` : nothing}
      <div class="side-bar"><label class="check"><input type="checkbox" .checked=${managed.value} @change=${(e: Event) => (managed.value = (e.target as HTMLInputElement).checked)}> Managed fields</label>
        <button type="button" class="quiet" data-copy ?disabled=${!whole} @click=${() => void this.#copy()}>${this.#copied.value ? "Copied" : "Copy"}</button></div>
      <div class="code" data-code></div>`;
  }

  #shown(): string {
    return managed.value ? this.#text.value : fold(this.#text.value);
  }

  // The viewer is a chunk that the editor has loaded already, most of it.
  protected override drawn(): void {
    const box = this.querySelector<HTMLElement>("[data-code]");
    const text = this.#shown();
    if (!box || text === "") return;
    if (this.#code) return this.#code(text);
    if (this.#loading) return;
    this.#loading = true;
    void import("./code").then((m) => {
      if (!this.isConnected) return;
      this.#code = m.show(box, `YAML of ${this.ref.kind} ${this.ref.name}`);
      this.#code(this.#shown());
    });
  }

  async #copy(): Promise<void> {
    await copy(this.#shown());
    this.#copied.value = true;
    setTimeout(() => (this.#copied.value = false), 2000);
  }
}

/** A manifest without metadata.managedFields. Pure. */
export function fold(text: string): string {
  const lines = text.split("\n");
  const from = lines.indexOf("metadata:");
  if (from < 0) return text;
  let to = lines.findIndex((l, i) => i > from && /^\S/.test(l));
  if (to < 0) to = lines.length;
  const at = lines.findIndex((l, i) => i > from && i < to && l === "  managedFields:");
  if (at < 0) return text;
  let end = lines.findIndex((l, i) => i > at && i < to && /^ {2}[^\s-]/.test(l));
  if (end < 0) end = to;
  return [...lines.slice(0, at), ...lines.slice(end)].join("\n");
}

customElements.define("object-yaml", ObjectYAML);
