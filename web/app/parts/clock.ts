// <session-clock>: how long this cluster stays.
import { signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { Part } from "../state/part";
import { session } from "../state/store";

const now = signal(Date.now());

class SessionClock extends Part {
  #timer = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = window.setInterval(() => (now.value = Date.now()), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected view(): TemplateResult {
    const end = Date.parse(session.value?.expiresAt ?? "");
    if (Number.isNaN(end)) return html``;
    const left = Math.max(0, Math.floor((end - now.value) / 1000));
    const two = (n: number) => String(n).padStart(2, "0");
    const text = `${Math.floor(left / 3600)}:${two(Math.floor(left / 60) % 60)}:${two(left % 60)}`;
    return html`<span class=${left < 300 ? "chip clock soon" : "chip clock"} role="timer" title="How long this cluster stays"><span class="word">stays</span> <b>${text}</b></span>`;
  }
}

customElements.define("session-clock", SessionClock);
