// <lesson-text>: turns the steps of the server's HTML into pages, and connects
// what a step offers to the editor and the send bar.
import { announce } from "../state/announce";
import { data } from "../state/data";
import { reveal } from "../state/reveal";
import { fill } from "../state/sending";
import { load } from "../editor/text";
import { tab } from "./dock";

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
    const target = (event.target as Element).closest<HTMLElement>("[data-go], [data-load], [data-fill]");
    if (!target) return;
    const step = data?.lesson?.steps[this.#current() - 1];
    if (target.dataset.go) {
      event.preventDefault();
      this.#show(Number(target.dataset.go), true);
    } else if (target.dataset.load !== undefined && step?.manifest) {
      tab.value = "editor";
      load(step.manifest);
      reveal("dock");
      announce(`${step.manifest.name} is in the editor`);
    } else if (target.dataset.fill !== undefined && step?.send) {
      const why = fill(step.send);
      const note = target.parentElement?.querySelector<HTMLElement>(".note");
      if (note) note.textContent = why ?? "";
    }
  };

  #current(): number {
    return [...this.querySelectorAll<HTMLElement>("[data-step]")].findIndex((s) => !s.hidden) + 1;
  }

  #show(step: number, moved: boolean): void {
    const steps = [...this.querySelectorAll<HTMLElement>("[data-step]")];
    const at = Math.min(steps.length, Math.max(1, step || 1));
    steps.forEach((s, i) => (s.hidden = i !== at - 1));
    if (!moved) return;
    const address = new URL(location.href);
    address.searchParams.set("step", String(at));
    history.pushState(null, "", address);
    this.scrollTop = 0;
    steps[at - 1]?.querySelector<HTMLElement>("h1")?.focus();
  }
}

customElements.define("lesson-text", LessonText);
