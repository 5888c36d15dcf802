// <step-checks step="2">: what the step asks for, and whether it is so. The checks run
// by themselves whenever something of the cluster changed, while the step is on view.
import { effect } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { CheckResult } from "../model";
import { Part } from "../state/part";
import { ALL, QUIET, SCRIPTS, done, results, run, trouble } from "../state/progress";
import { edges, events, journeys, ready, vertices } from "../state/store";

const SETTLED = 400; // ms without a change, before the checks run
const TYPING = 4000; // ms between runs of scripts, while there is a terminal on view to type into

class StepChecks extends Part {
  #titles: string[] = [];
  #unwatch: (() => void) | null = null;
  #timer = 0;
  #typing = 0;
  #loud = true; // whether the next run may send packets and run scripts

  get #step(): number {
    return Number(this.getAttribute("step"));
  }

  override connectedCallback(): void {
    this.#titles = [...this.querySelectorAll("li")].map((li) => li.textContent?.trim() ?? "");
    this.replaceChildren();
    super.connectedCallback();
    let objects: unknown[] = [];
    this.#unwatch = effect(() => {
      // Packets alone are no reason to send more of them.
      const now = [ready.value, vertices.value, edges.value, events.value];
      journeys.value;
      if (!ready.value) return;
      this.#loud ||= now.some((x, i) => x !== objects[i]);
      objects = now;
      this.#soon();
    });
    new IntersectionObserver((seen) => {
      if (seen.some((s) => s.isIntersecting) && ready.value) this.#now();
    }).observe(this);
    // What a learner does in a terminal changes nothing that we are told of.
    this.#typing = setInterval(() => {
      if (document.visibilityState === "visible" && this.#open("script") && shown(this) && shown(document.querySelector("#panel-terminal"))) void run(this.#step, SCRIPTS);
    }, TYPING);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#unwatch?.();
    clearTimeout(this.#timer);
    clearInterval(this.#typing);
  }

  #open(kind: string): boolean {
    return [...(results.value.get(this.#step)?.values() ?? [])].some((r) => r.kind === kind && !r.passed);
  }

  #soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (shown(this)) void this.#run(this.#loud);
    }, SETTLED);
  }

  #now = (): void => void this.#run(true);

  async #run(loud: boolean): Promise<void> {
    this.#loud = false;
    await run(this.#step, loud ? ALL : QUIET);
  }

  protected view(): TemplateResult {
    const found = results.value.get(this.#step);
    const passed = [...(found?.values() ?? [])].filter((r) => r.passed).length;
    const finished = done.value.has(this.#step);
    return html`<section class=${finished ? "checks done" : "checks"} aria-label="Checks of this step">
      <p class="checks-head"><b>${finished ? "Done" : "To do"}</b>
        <span class="muted">${finished ? "" : found ? `${passed} of ${this.#titles.length}` : ""}</span>
        <button type="button" class="link" @click=${this.#now}>Check now</button></p>
      <ul>${this.#titles.map((title, i) => row(title, found?.get(i + 1)))}</ul>
      ${trouble.value ? html`<p class="note" role="status">${trouble.value}</p>` : nothing}
    </section>`;
  }
}

function shown(element: HTMLElement | null): boolean {
  return !!element?.offsetParent;
}

function row(title: string, r: CheckResult | undefined): TemplateResult {
  const state = r === undefined ? "unknown" : r.passed ? "passed" : "open";
  const said = { unknown: "not checked yet", passed: "passed", open: "not yet" }[state];
  return html`<li class=${state}><span class="tick" aria-hidden="true"></span>
    <span>${title}<span class="hidden">: ${said}</span>${r && !r.passed && r.saw ? html`<span class="saw">${r.saw}</span>` : nothing}</span></li>`;
}

customElements.define("step-checks", StepChecks);
