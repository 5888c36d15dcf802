// <object-logs>: what a container writes, as kubectl logs has it, followed. Only the lines
// in sight are drawn, and once a frame, however many there are.
import { computed, effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import { kube, kubeJSON, Refusal } from "../state/kubernetes";
import { vertexOf } from "../state/resource";
import { sight } from "../state/rows";
import { connection, vertices } from "../state/store";
import type { Kind } from "./discovery";
import { LogBuffer, type Line, MOST_LINES } from "./logbuffer";
import type { KubeObject } from "./object";
import { SidePart } from "./part";

const ROW = 18; // px, as in objects.css
const PIECE = 512 * 1024; // characters that are taken in one frame
const AGAIN = 2000; // ms until a log that ended, or is not there yet, is asked for again

const tail = signal("1000"); // lines to begin with; all without one
const following = signal(true);
const stamps = signal(false);

class ObjectLogs extends SidePart {
  readonly #pod = signal("");
  readonly #container = signal("");
  readonly #containers = signal<readonly string[]>([]);
  readonly #previous = signal(false);
  readonly #find = signal("");
  readonly #said = signal(""); // why there is nothing, in the API's words
  readonly #drawnAt = signal(0); // goes up when lines have come
  readonly #scroll = signal(0);
  readonly #height = signal(300);
  #buffer = new LogBuffer();
  #of = ""; // what the buffer is the log of
  #bottom = true; // whether the newest line is to stay in sight
  #watch: ResizeObserver | null = null;

  /** The pods there are to choose from: the object itself, or those of a workload. */
  readonly #pods = computed<readonly string[]>(() => {
    if (this.ref.kind === "Pod") return [this.ref.name];
    const mine = new Set([vertexOf(this.ref)]);
    const all = [...vertices.value.values()];
    for (const v of all) if (v.kind === "ReplicaSet" && v.owner && mine.has(v.owner)) mine.add(v.id);
    return all.filter((v) => v.kind === "Pod" && v.owner && mine.has(v.owner)).sort((a, b) => (b.created ?? 0) - (a.created ?? 0)).map((v) => v.name);
  });

  readonly #lines = computed<readonly Line[]>(() => {
    void this.#drawnAt.value;
    const wanted = this.#find.value.toLowerCase();
    return wanted ? this.#buffer.lines.filter((l) => l.text.toLowerCase().includes(wanted)) : this.#buffer.lines;
  });

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch?.disconnect();
  }

  protected begin(_kind: Kind): () => void {
    let stop = new AbortController();
    // A pod that has gone gives way to the newest there is.
    const choose = effect(() => {
      const pods = this.#pods.value;
      if (!this.#pod.value || (!pods.includes(this.#pod.value) && pods.length > 0)) this.#pod.value = pods[0] ?? "";
    });
    const ask = effect(() => {
      const pod = this.#pod.value;
      if (pod) void this.#ask(pod);
    });
    const read = effect(() => {
      const [pod, container, previous] = [this.#pod.value, this.#container.value, this.#previous.value];
      const [lines, follow] = [tail.value, following.value];
      stop.abort();
      stop = new AbortController();
      if (!pod || !container) return;
      const of = [pod, container, previous, lines].join(" ");
      if (of !== this.#of) this.#begin(of);
      else this.#buffer.resume();
      void this.#read(pod, container, previous, follow, stop.signal);
    });
    return () => {
      choose();
      ask();
      read();
      stop.abort();
    };
  }

  #begin(of: string): void {
    this.#of = of;
    this.#buffer = new LogBuffer();
    this.#bottom = true;
    this.#said.value = "";
    this.#scroll.value = 0;
    this.#drawnAt.value++;
  }

  async #ask(pod: string): Promise<void> {
    try {
      const o = await kubeJSON<KubeObject>(`/api/v1/namespaces/${encodeURIComponent(this.ref.namespace ?? "default")}/pods/${encodeURIComponent(pod)}`);
      if (this.#pod.peek() !== pod) return;
      const names = (field: string) => ((o.spec?.[field] ?? []) as { name: string }[]).map((c) => c.name);
      const all = [...names("containers"), ...names("initContainers"), ...names("ephemeralContainers")];
      this.#containers.value = all;
      const meant = o.metadata.annotations?.["kubectl.kubernetes.io/default-container"] ?? "";
      if (!all.includes(this.#container.peek())) this.#container.value = all.includes(meant) ? meant : (all[0] ?? "");
    } catch (e) {
      this.#said.value = e instanceof Error ? e.message : String(e);
    }
  }

  async #read(pod: string, container: string, previous: boolean, follow: boolean, stop: AbortSignal): Promise<void> {
    const buffer = this.#buffer;
    while (!stop.aborted) {
      try {
        const query = new URLSearchParams({ container, timestamps: "true", ...(previous ? { previous: "true" } : {}), ...(follow && !previous ? { follow: "true" } : {}) });
        if (buffer.last) query.set("sinceTime", buffer.last);
        else if (tail.peek()) query.set("tailLines", tail.peek());
        const answer = await kube(`/api/v1/namespaces/${encodeURIComponent(this.ref.namespace ?? "default")}/pods/${encodeURIComponent(pod)}/log?${query}`, { accept: "text/plain, */*", signal: stop });
        this.#said.value = "";
        await this.#take(answer, buffer, stop);
        if (stop.aborted) return;
        buffer.end();
        this.#draw();
        if (buffer.lines.length === 0) this.#said.value = "It has written nothing yet.";
        if (!follow || previous) return;
      } catch (e) {
        if (stop.aborted) return;
        this.#said.value = e instanceof Error ? e.message : String(e);
        if (previous || (e instanceof Refusal && (e.code === 403 || e.code === 404))) return;
      }
      if (connection.peek().state === "gone") return;
      await new Promise((done) => setTimeout(done, AGAIN));
      buffer.resume();
    }
  }

  // A flood is taken a piece a frame: the rest waits where it comes from.
  async #take(answer: Response, buffer: LogBuffer, stop: AbortSignal): Promise<void> {
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    let taken = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done || stop.aborted) return;
      const out = buffer.take(value);
      if (out > 0 && !this.#bottom && this.#find.peek() === "") this.#scroll.value = Math.max(0, this.#scroll.peek() - out * ROW);
      this.#draw();
      taken += value.length;
      if (taken < PIECE) continue;
      taken = 0;
      await new Promise((next) => requestAnimationFrame(next));
    }
  }

  #frame = 0;
  #draw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawnAt.value++;
    });
  }

  protected draw(): TemplateResult {
    const pods = this.#pods.value;
    const lines = this.#lines.value;
    const buffer = this.#buffer;
    const check = (text: string, of: { value: boolean }) => html`<label class="check"><input type="checkbox" .checked=${of.value} @change=${(e: Event) => (of.value = (e.target as HTMLInputElement).checked)}> ${text}</label>`;
    const options = (all: readonly string[], now: string) => all.map((x) => html`<option value=${x} ?selected=${x === now}>${x}</option>`);
    if (pods.length === 0) return html`<p class="muted" role="status">It has no pods.</p>`;
    const max = Math.max(0, lines.length * ROW - this.#height.value);
    const top = this.#scroll.value;
    const { first, last } = sight(lines.length, this.#height.value, this.#bottom ? max : top, ROW);
    const wanted = this.#find.value;
    return html`<div class="side-bar">
        ${this.ref.kind === "Pod" ? nothing : html`<select aria-label="Pod" @change=${(e: Event) => (this.#pod.value = (e.target as HTMLSelectElement).value)}>${options(pods, this.#pod.value)}</select>`}
        <select aria-label="Container" @change=${(e: Event) => (this.#container.value = (e.target as HTMLSelectElement).value)}>${options(this.#containers.value, this.#container.value)}</select>
        <select aria-label="Lines to begin with" @change=${(e: Event) => (tail.value = (e.target as HTMLSelectElement).value)}>${[["100", "last 100"], ["1000", "last 1000"], ["", "all"]].map(([v, text]) => html`<option value=${v} ?selected=${v === tail.value}>${text}</option>`)}</select>
        ${check("Follow", following)}${check("Times", stamps)}${check("Previous", this.#previous)}
        <input type="search" placeholder="Find" aria-label="Find in the log" autocomplete="off" spellcheck="false" .value=${wanted} @input=${(e: Event) => (this.#find.value = (e.target as HTMLInputElement).value)}>
        <button type="button" class="quiet" data-download ?disabled=${buffer.lines.length === 0} @click=${this.#download}>Download</button>
      </div>
      ${this.#said.value ? html`<p class="muted log-said" role="status">${this.#said.value}</p>` : nothing}
      ${wanted || buffer.dropped > 0 ? html`<p class="muted log-count">${wanted ? `${lines.length} of ${buffer.lines.length} lines` : `The newest ${MOST_LINES} lines; ${buffer.dropped.toLocaleString("en")} before them are not kept.`}</p>` : nothing}
      <div class="log" role="log" aria-live="off" aria-label=${`Log of ${this.#container.value} in ${this.#pod.value}`} tabindex="0" @scroll=${this.#scrolled}>
        <div class="log-lines"><svg class="log-space" width="1" height=${first * ROW}></svg>${repeat(lines.slice(first, last), (_, i) => first + i, (l) => html`<div class="log-line">${stamps.value && l.time ? html`<span class="muted">${l.time}</span> ` : nothing}${marked(l.text, wanted)}</div>`)}<svg class="log-space" width="1" height=${(lines.length - last) * ROW}></svg></div>
      </div>`;
  }

  protected override drawn(): void {
    const box = this.querySelector<HTMLElement>(".log");
    if (!box) return;
    if (!this.#watch) {
      this.#watch = new ResizeObserver(() => (this.#height.value = box.clientHeight || this.#height.value));
      this.#watch.observe(box);
    }
    if (this.#bottom) box.scrollTop = box.scrollHeight;
    else if (Math.abs(box.scrollTop - this.#scroll.peek()) >= 1) box.scrollTop = this.#scroll.peek();
  }

  #scrolled = (event: Event): void => {
    const box = event.currentTarget as HTMLElement;
    this.#bottom = box.scrollHeight - box.scrollTop - box.clientHeight < ROW;
    this.#scroll.value = box.scrollTop;
  };

  #download = (): void => {
    const text = this.#buffer.lines.map((l) => (stamps.peek() && l.time ? `${l.time} ${l.text}` : l.text)).join("\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text, "\n"], { type: "text/plain" }));
    link.download = `${this.#pod.peek()}-${this.#container.peek()}.log`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
}

// What was looked for, marked; the text stays text.
function marked(text: string, wanted: string): TemplateResult | string {
  if (!wanted) return text;
  const parts: (string | TemplateResult)[] = [];
  const low = text.toLowerCase();
  const w = wanted.toLowerCase();
  let at = 0;
  for (let found = low.indexOf(w); found >= 0 && parts.length < 100; found = low.indexOf(w, at)) {
    parts.push(text.slice(at, found), html`<mark>${text.slice(found, found + w.length)}</mark>`);
    at = found + w.length;
  }
  return html`${parts}${text.slice(at)}`;
}

customElements.define("object-logs", ObjectLogs);
