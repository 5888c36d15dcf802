// What can be done with files: a chunk of its own, loaded when its menu is opened.
import { html, render, type TemplateResult } from "lit-html";
import { moveInList } from "../state/keys";
import { current, type EditorFile } from "./files";
import { begin, closeFile, openAll } from "./tabs";

export function openMenu(from: HTMLElement): void {
  const file = current.peek();
  const box = document.createElement("div");
  box.className = "menu";
  box.popover = "auto";
  box.setAttribute("role", "menu");
  box.setAttribute("aria-label", "Files");
  const item = (text: string, act: () => void, keys = ""): TemplateResult => html`<button type="button" role="menuitem" tabindex="-1" @click=${() => {
    box.hidePopover();
    act();
  }}>${text}<kbd>${keys}</kbd></button>`;
  render(html`${item("Open files…", choose)}<hr>${item(`Download ${file.name}`, () => download(file))}${item(`Rename ${file.name}`, () => begin(file), "F2")}${item(`Close ${file.name}`, () => closeFile(file), "Del")}`, box);
  box.addEventListener("keydown", (e) => void moveInList(e, "[role=menuitem]"));
  box.addEventListener("toggle", (e) => {
    if ((e as ToggleEvent).newState !== "closed") return;
    box.remove();
    if (document.activeElement === document.body) from.focus();
  });
  document.body.append(box);
  box.showPopover();
  const anchor = from.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(anchor.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${anchor.bottom + 4 + box.offsetHeight > innerHeight ? anchor.top - box.offsetHeight - 4 : anchor.bottom + 4}px`;
  box.querySelector<HTMLElement>("[role=menuitem]")?.focus();
}

/** Asks for files of the reader's own machine. */
export function choose(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.accept = ".yaml,.yml,.json,.txt";
  input.addEventListener("change", () => void openAll([...(input.files ?? [])]));
  input.click();
}

export function download(file: EditorFile): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file.text], { type: "application/yaml" }));
  link.download = file.name;
  link.click();
  URL.revokeObjectURL(link.href);
}
