// The form that makes a class, <class-made>, which shows the way into it, and <my-classes>, the
// classes that were made in this browser.
import { signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import type { Class, NewClass } from "../model";
import { copy } from "../state/copy";
import { Part } from "../state/part";
import { makeClass } from "./api";
import { bigCode } from "./way";

import { kept, remember } from "./kept";
import { classPage } from "./paths";
import { moment } from "./words";

const HOURS = 4; // that a class lasts, unless it is said otherwise
const made = signal<Class | null>(null);

class ClassMade extends Part {
  protected view(): TemplateResult {
    const c = made.value;
    if (!c) return html``;
    const page = new URL(classPage(c.key ?? ""), location.href).href;
    return html`<section class="made" aria-labelledby="made-title"><h2 id="made-title" tabindex="-1">${c.title} is ready</h2>
      ${bigCode(c.key ?? "", c.code ?? "")}
      <div class="actions"><a class="primary" href=${page}>Go to the class</a></div>
      <p class="muted">That page is yours alone: who has its address runs the class. This browser remembers it. <button type="button" class="link" @click=${() => void copy(page)}>Copy its address</button></p></section>`;
  }

  protected override drawn(): void {
    this.querySelector<HTMLElement>("#made-title")?.focus();
  }
}

class MyClasses extends Part {
  protected view(): TemplateResult {
    void made.value;
    const all = kept("class");
    if (all.length === 0) return html``;
    return html`<nav class="mine" aria-label="Your classes">Your classes:${all.map((k) => html` <a href=${classPage(k.key)}>${k.title}, ${Date.parse(k.until) > Date.now() ? "until" : "over since"} ${moment(k.until)}</a>`)}</nav>`;
  }
}

const form = document.querySelector<HTMLFormElement>(".class-form");
if (form) {
  const box = (name: string) => [...form.querySelectorAll<HTMLInputElement>(`[name="${name}"]`)];
  const [all] = box("all");
  const lessons = box("lessons");
  const until = box("until")[0]!;
  const trouble = form.querySelector<HTMLElement>("[role=alert]")!;

  const count = (): void => {
    const n = lessons.filter((l) => l.checked).length;
    if (!all) return;
    all.checked = n === lessons.length;
    all.indeterminate = n > 0 && n < lessons.length;
    form.querySelector<HTMLElement>(".all [role=status]")!.textContent = n === lessons.length ? "" : n === 0 ? "none is chosen" : `${n} of ${lessons.length} chosen`;
  };
  all?.addEventListener("change", () => {
    for (const l of lessons) l.checked = all.checked;
    count();
  });
  for (const l of lessons) l.addEventListener("change", count);
  count();

  if (!until.value) {
    const end = new Date(Date.now() + HOURS * 3_600_000);
    end.setMinutes(0, 0, 0);
    until.value = local(end);
  }
  until.min = local(new Date());

  form.addEventListener("submit", (e) => {
    e.preventDefault();
    void make();
  });
  form.hidden = false;

  const make = async (): Promise<void> => {
    const f = new FormData(form);
    const chosen = f.getAll("lessons").map(String);
    trouble.textContent = "";
    if (lessons.length > 0 && chosen.length === 0) return void (trouble.textContent = "Choose a lesson at least.");
    const c: NewClass = { title: String(f.get("title")).trim(), size: Number(f.get("size")), until: new Date(String(f.get("until"))).toISOString() };
    const by = String(f.get("instructor") ?? "").trim();
    if (by) c.instructor = by;
    if (chosen.length < lessons.length) c.lessons = chosen;
    const button = form.querySelector<HTMLButtonElement>(".primary")!;
    button.disabled = true;
    try {
      const now = await makeClass(c);
      remember("class", { key: now.key ?? "", title: now.title, until: now.until });
      form.hidden = true;
      made.value = now;
    } catch (e) {
      trouble.textContent = e instanceof Error ? e.message : String(e);
    } finally {
      button.disabled = false;
    }
  };
}

/** A time as a field of that type has it: in the zone of who reads it. */
function local(t: Date): string {
  return new Date(t.getTime() - t.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

customElements.define("class-made", ClassMade);
customElements.define("my-classes", MyClasses);
