// <lesson-text>: turns the steps of the server's HTML into pages, and connects
// what a step offers to the editor and the send bar.
import { announce } from "../state/announce";
import { data } from "../state/data";
import { reveal } from "../state/reveal";
import { copy } from "../state/copy";
import { begin } from "../state/progress";
import { fill } from "../state/sending";
import { byMouse } from "../state/keys";
import { run } from "../state/terminals";
import { load } from "../editor/text";
import { showTab } from "./dock";
import "./checks";
import { beginScripts } from "./scenario";
import type { Manifest, SendHint } from "../state/data";

class LessonText extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", this.#click);
    addEventListener("popstate", () => this.#show(this.#fromAddress(), false));
    this.#show(this.#fromAddress(), false);
  }

  #fromAddress(): number {
    return Number(new URL(location.href).searchParams.get("step") ?? 1);
  }

  #click = (event: MouseEvent): void => {
    const target = (event.target as Element).closest<HTMLElement>("[data-go], [data-load], [data-fill], [data-solve], [data-run], [data-copy]");
    if (!target) return;
    const step = data?.lesson?.steps[this.#current() - 1];
    if (target.dataset.go) {
      event.preventDefault();
      this.#show(Number(target.dataset.go), true);
    } else if (target.dataset.load !== undefined && step?.manifest) {
      toEditor(step.manifest);
    } else if (target.dataset.fill !== undefined && step?.send) {
      this.#toSendBar(step.send);
    } else if (target.dataset.solve !== undefined) {
      const action = step?.solution[Number(target.dataset.solve)];
      if (action?.apply) toEditor(action.apply);
      if (action?.send) this.#toSendBar(action.send);
    } else if (target.dataset.run !== undefined) {
      run(target.dataset.run, { interrupt: target.dataset.interrupt !== undefined, enter: byMouse(event) });
    } else if (target.dataset.copy !== undefined) {
      void copy(target.dataset.copy);
    }
  };

  #toSendBar(hint: SendHint): void {
    this.#note(fill(hint) ?? "");
  }

  #note(text: string): void {
    const note = this.querySelector<HTMLElement>("[data-step]:not([hidden]) .note");
    if (note) note.textContent = text;
  }

  #current(): number {
    return [...this.querySelectorAll<HTMLElement>("[data-step]")].findIndex((s) => !s.hidden) + 1;
  }

  #show(step: number, moved: boolean): void {
    const steps = [...this.querySelectorAll<HTMLElement>("[data-step]")];
    const at = Math.min(steps.length, Math.max(1, step || 1));
    begin(at);
    steps.forEach((s, i) => (s.hidden = i !== at - 1));
    void beginScripts(at, (trouble) => this.#note(trouble));
    if (!moved) return;
    const address = new URL(location.href);
    address.searchParams.set("step", String(at));
    history.pushState(null, "", address);
    this.scrollTop = 0;
    steps[at - 1]?.querySelector<HTMLElement>("h1")?.focus();
  }
}

function toEditor(manifest: Manifest): void {
  showTab("editor");
  load(manifest);
  reveal("dock");
  announce(`${manifest.name} is in the editor`);
}

customElements.define("lesson-text", LessonText);
