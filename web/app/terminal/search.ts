// The bar that searches what a terminal keeps of its output.
import { signal } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { searching } from "./options";
import type { Screen } from "./screen";

const words = signal("");
/** How many places there are, and which of them is shown, from 0. */
export const found = signal({ count: 0, at: -1 });

export function searchView(screen: Screen): TemplateResult {
  const { count, at } = found.value;
  const said = words.value === "" ? "" : count === 0 ? "Not found" : at < 0 ? `${count} found` : `${at + 1} of ${count}`;
  return html`<div class="terminal-search" role="search" @keydown=${(e: KeyboardEvent) => key(e, screen)}>
    <input name="find" type="search" aria-label="Search in the terminal" placeholder="Search" autocomplete="off" spellcheck="false" .value=${words.value} @input=${(e: Event) => {
      words.value = (e.target as HTMLInputElement).value;
      find(screen, true);
    }}>
    <span class="muted" role="status">${said}</span>
    <button type="button" class="icon" aria-label="Previous" title="Shift and Enter" @click=${() => find(screen, false)}>↑</button>
    <button type="button" class="icon" aria-label="Next" title="Enter" @click=${() => find(screen, true, false)}>↓</button>
    <button type="button" class="icon" aria-label="Close the search" @click=${() => done(screen)}>×</button></div>`;
}

function key(event: KeyboardEvent, screen: Screen): void {
  if (event.key === "Escape") done(screen);
  else if (event.key === "Enter" && (event.target as Element).matches("input")) find(screen, !event.shiftKey, false);
  else return;
  event.preventDefault();
}

function find(screen: Screen, forwards: boolean, growing = true): void {
  if (words.peek() === "") {
    found.value = { count: 0, at: -1 };
    screen.search.clearDecorations();
    return;
  }
  const options = { incremental: forwards && growing, decorations: screen.marks() };
  if (forwards) screen.search.findNext(words.peek(), options);
  else screen.search.findPrevious(words.peek(), options);
}

function done(screen: Screen): void {
  searching.value = false;
  screen.search.clearDecorations();
  screen.focus();
}
