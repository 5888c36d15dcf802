// While the class is frozen the page can be read and nothing else: a modal dialog, which the
// browser keeps everything else from being used below. The server refuses changes besides.
import { effect } from "@preact/signals-core";
import { html, render } from "lit-html";
import { announce } from "../state/announce";
import { you } from "./seat";
import { end } from "./strip";

let dialog: HTMLDialogElement | null = null;

effect(() => {
  const me = you.value;
  const c = me?.class;
  if (c?.frozen && !c.closed) freeze(c.instructor || "Who teaches the class", c.freezeText ?? "", me?.control === "given");
  else if (dialog) thaw();
});

function freeze(by: string, text: string, holds: boolean): void {
  const shown = dialog !== null;
  dialog ??= document.createElement("dialog");
  const box = dialog;
  render(html`<h2 id="frozen-title" tabindex="-1">${by} has frozen all screens</h2>${text ? html`<p class="frozen-text">${text}</p>` : ""}<p class="muted">You can read what is here. It goes on when they say so.</p>
    ${holds ? html`<div class="actions"><span>${by} has your keyboard.</span><button type="button" class="quiet" @click=${() => void end()}>End</button></div>` : ""}`, box);
  if (shown) return;
  box.className = "frozen";
  box.setAttribute("aria-labelledby", "frozen-title");
  box.addEventListener("cancel", (e) => e.preventDefault());
  // A browser lets Escape through the second time.
  box.addEventListener("close", () => {
    if (dialog === box) box.showModal();
  });
  document.body.append(box);
  box.showModal();
  box.querySelector<HTMLElement>("h2")!.focus();
  announce(`${by} has frozen all screens. ${text}`);
}

function thaw(): void {
  const box = dialog!;
  dialog = null;
  box.close();
  box.remove();
  announce("Screens go on");
}
