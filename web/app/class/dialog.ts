// A dialog of the live page: native, so that it holds the keyboard, Escape closes it, and the
// focus goes back to where it was.
import { html, render, type TemplateResult } from "lit-html";

export interface Dialog {
  draw(): void;
  close(): void;
}

/** Opens one with a title, drawn by a view that draw() calls again. */
export function openDialog(kind: string, title: string, view: (d: Dialog) => TemplateResult): Dialog {
  const box = document.createElement("dialog");
  box.className = `class-dialog ${kind}`;
  box.setAttribute("aria-labelledby", "class-dialog-title");
  const d: Dialog = {
    draw: () => render(html`<div class="panel-head"><h2 id="class-dialog-title">${title}</h2><button type="button" class="icon" aria-label="Close" @click=${() => box.close()}>×</button></div>${view(d)}`, box),
    close: () => box.close(),
  };
  d.draw();
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  box.querySelector<HTMLElement>("[data-first]")?.focus();
  return d;
}
