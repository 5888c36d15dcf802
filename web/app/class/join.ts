// <join-class code="ABC-DEF">: asks for a code, then says what the class is and asks for a name.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import type { JoinInfo } from "../model";
import { Problem } from "../state/api";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { join, whatIs } from "./api";
import { kept, remember } from "./kept";
import { joinPage, memberPage } from "./paths";
import { moment } from "./words";

const LETTERS = /[^A-Za-z0-9]/g;

/** A code as it is shown: ABC-DEF. */
const asShown = (code: string): string => code.replace(LETTERS, "").toUpperCase().replace(/^(.{3})(?=.)/, "$1-");

class JoinClass extends Part {
  readonly #code = signal("");
  readonly #info = signal<JoinInfo | null>(null);
  readonly #trouble = signal("");
  readonly #busy = signal(false);

  override connectedCallback(): void {
    this.#code.value = asShown(this.getAttribute("code") ?? "");
    super.connectedCallback();
    if (this.#code.value) void this.#find();
  }

  async #find(): Promise<void> {
    this.#busy.value = true;
    this.#trouble.value = "";
    try {
      this.#info.value = await whatIs(this.#code.value);
    } catch (e) {
      this.#trouble.value = why(e, this.#code.value);
    }
    this.#busy.value = false;
  }

  protected view(): TemplateResult {
    const info = this.#info.value;
    if (!info) return this.#ask();
    const before = kept("seat").find((k) => k.code === this.#code.value);
    const shut = !info.open ? "Nobody can join this class now. Ask who teaches it." : info.left <= 0 ? "All places of this class are taken. Ask who teaches it for another." : "";
    return html`<section class="joining" aria-labelledby="class-title"><p class="eyebrow">${this.#code.value}</p><h2 id="class-title">${info.title}</h2>
      <p class="muted">${info.instructor ? `With ${info.instructor}, until` : "Until"} ${moment(info.until)}${shut ? "" : `. ${plural(info.left, "place")} left`}.</p>
      ${before ? html`<p class="again-here">You have joined it here as <b>${before.name}</b>. <a class="primary" href=${memberPage(before.key)}>Go on</a></p>` : nothing}
      ${shut ? html`<p class="bad" role="alert">${shut}</p>` : html`<form @submit=${this.#join}>
        <label class="line"><span>${before ? "Or join with another name" : "Your name"}</span><input name="name" maxlength="60" required autocomplete="name" ?autofocus=${!before}></label>
        <p class="muted">Who teaches the class sees it, and how far you are. They can look at your cluster, and you see when they do.</p>
        <p class="bad" role="alert">${this.#trouble.value}</p>
        <div class="actions"><button class=${before ? "quiet" : "primary"} ?disabled=${this.#busy.value}>${this.#busy.value ? "Joining…" : "Join"}</button></div></form>`}
      <p><a href=${joinPage("")}>Another code</a></p></section>`;
  }

  #ask(): TemplateResult {
    return html`<form class="ask-code" action=${joinPage("")} @submit=${this.#enter}>
      <label class="line"><span>The code</span><input name="code" class="code-field" .value=${this.#code.value} required maxlength="12" placeholder="ABC-DEF" autocomplete="off" autocapitalize="characters" spellcheck="false" autofocus></label>
      <p class="muted">Who teaches the class shows it. Case and the dash do not matter.</p>
      <p class="bad" role="alert">${this.#trouble.value}</p>
      <div class="actions"><button class="primary" ?disabled=${this.#busy.value}>${this.#busy.value ? "Looking…" : "Next"}</button></div></form>
      ${kept("seat").length > 0 ? html`<nav class="mine" aria-label="Classes that you have joined">You have joined:${kept("seat").map((k) => html` <a href=${memberPage(k.key)}>${k.title}, as ${k.name}</a>`)}</nav>` : nothing}`;
  }

  #enter = (e: Event): void => {
    e.preventDefault();
    this.#code.value = asShown(String(new FormData(e.currentTarget as HTMLFormElement).get("code")));
    history.replaceState(null, "", joinPage(this.#code.value));
    void this.#find();
  };

  #join = (e: Event): void => {
    e.preventDefault();
    void this.#as(String(new FormData(e.currentTarget as HTMLFormElement).get("name")).trim());
  };

  async #as(name: string): Promise<void> {
    this.#busy.value = true;
    this.#trouble.value = "";
    try {
      const me = await join({ code: this.#code.value, name });
      remember("seat", { key: me.key, title: me.class.title, until: me.class.until, code: this.#code.value, name: me.name });
      location.assign(memberPage(me.key));
    } catch (x) {
      this.#trouble.value = why(x, this.#code.value);
      this.#busy.value = false;
    }
  }
}

function why(e: unknown, code: string): string {
  if (e instanceof Problem && e.status === 404) return `No class has the code ${code}. It may be mistyped, or the class is over.`;
  if (e instanceof Problem && e.status === 429) return "Too many codes were tried from here. Wait a minute, and try again.";
  return e instanceof Error ? e.message : String(e);
}

customElements.define("join-class", JoinClass);
