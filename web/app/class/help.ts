// <ask-help>: asks who teaches for help, with a word about what is wrong, and says that it is asked for.
import { signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import { Part } from "../state/part";
import { askForHelp } from "./api";
import { you } from "./seat";

export class AskHelp extends Part {
  readonly #open = signal(false);
  readonly #trouble = signal("");

  protected view(): TemplateResult {
    const help = you.value?.help;
    if (help) {
      return html`<span class="help-asked" role="status"><b>Help is asked for</b>${help.text ? html`<span class="muted"> ${help.text}</span>` : ""}</span>
        <button type="button" class="quiet" @click=${() => void this.#ask(false)}>I have what I need</button>`;
    }
    return html`<button type="button" class="quiet ask-for" popovertarget="help-form" ?disabled=${!you.value}>Ask for help</button>
      <form id="help-form" class="panel help-form" popover @submit=${this.#submit} @toggle=${(e: ToggleEvent) => (this.#open.value = e.newState === "open")}>
        <label class="line"><span>What is wrong? <span class="muted">(not needed)</span></span><textarea name="text" rows="3" maxlength="300"></textarea></label>
        <p class="bad" role="alert">${this.#trouble.value}</p>
        <div class="actions"><button class="primary">Ask</button><button type="button" class="quiet" popovertarget="help-form" popovertargetaction="hide">Cancel</button></div></form>`;
  }

  #submit = (e: Event): void => {
    e.preventDefault();
    void this.#ask(true, String(new FormData(e.currentTarget as HTMLFormElement).get("text") ?? "").trim());
  };

  async #ask(on: boolean, text = ""): Promise<void> {
    this.#trouble.value = "";
    try {
      await askForHelp(this.dataset.key ?? "", { on, text });
      const form = this.querySelector<HTMLFormElement>("form");
      if (form?.matches(":popover-open")) form.hidePopover();
      const now = you.peek();
      if (now) you.value = { ...now, help: on ? { since: new Date().toISOString(), text } : undefined };
      announce(on ? "Help is asked for" : "No help is asked for any more");
      this.querySelector<HTMLElement>("button")?.focus();
    } catch (x) {
      this.#trouble.value = x instanceof Error ? x.message : String(x);
    }
  }
}

customElements.define("ask-help", AskHelp);
