// The palette: finds what is on the page and what can be done, by name. A later chunk.
import { html, render, type TemplateResult } from "lit-html";
import { type Command, commands, onMore } from "../state/commands";
import { forLong } from "../state/keep";
import { type Fit, fit } from "../state/rank";
import { icon } from "./icons";

const KEY = "podhop.recent";
const RECENT = 12;
const MOST = 60; // that are listed

interface Found {
  command: Command;
  fit: Fit | null; // null without a query
}

function recent(): string[] {
  try {
    return JSON.parse(forLong.get(KEY) ?? "[]") as string[];
  } catch {
    return [];
  }
}

function find(query: string, all: readonly Command[], lately: readonly string[]): Found[] {
  const rank = (c: Command) => lately.length - (lately.indexOf(c.id) + 1 || lately.length + 1) + 1; // the latest is the highest, none 0
  if (query.trim() === "") return [...all].sort((a, b) => rank(b) - rank(a)).slice(0, MOST).map((command) => ({ command, fit: null }));
  const found: (Found & { score: number })[] = [];
  for (const command of all) {
    const f = fit(query, `${command.title} ${command.hint ?? ""}`);
    if (f) found.push({ command, fit: f, score: f.score + (fit(query, command.title) ? 4 : 0) + rank(command) / 10 });
  }
  return found.sort((a, b) => b.score - a.score).slice(0, MOST);
}

/** Opens it; what is chosen is run once it has closed, with the focus back where it was. */
export function open(): void {
  const dialog = document.createElement("dialog");
  dialog.className = "palette";
  dialog.setAttribute("aria-label", "Search or run");
  document.body.append(dialog);
  let all = unique(commands());
  const lately = recent();
  let found = find("", all, lately);
  let query = "";
  let at = 0;
  let chosen: Command | null = null;
  let pressed = false; // Enter, here

  const draw = (): void => void render(view(), dialog);
  const view = (): TemplateResult => html`<div class="palette-field">${icon("search")}
      <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-activedescendant=${found.length > 0 ? `found-${at}` : ""} aria-label="Search or run"
        placeholder="An object, a lesson, a tab, something to do" autocomplete="off" autocapitalize="off" spellcheck="false" enterkeyhint="go" autofocus
        @input=${(e: Event) => {
          query = (e.target as HTMLInputElement).value;
          found = find(query, all, lately);
          at = 0;
          draw();
          dialog.querySelector(".palette-list")!.scrollTop = 0;
        }} @keydown=${key} @keyup=${release}></div>
    <ul id="palette-list" class="palette-list" role="listbox" aria-label="Found" @click=${(e: Event) => {
      const index = (e.target as Element).closest<HTMLElement>("[data-at]")?.dataset.at;
      if (index !== undefined) take(Number(index));
    }}>${found.length === 0 ? html`<li class="empty" role="option" aria-disabled="true" aria-selected="false">Nothing of that name</li>` : found.map(row)}</ul>`;
  const row = ({ command: c, fit: f }: Found, i: number): TemplateResult =>
    html`<li role="option" id=${`found-${i}`} data-at=${i} aria-selected=${i === at}><span>${marked(c.title, f)}</span>${c.hint ? html`<span class="muted">${c.hint}</span>` : ""}${c.keys ? html`<kbd>${c.keys}</kbd>` : ""}</li>`;

  function key(e: KeyboardEvent): void {
    const last = found.length - 1;
    const to = { ArrowDown: at < last ? at + 1 : 0, ArrowUp: at > 0 ? at - 1 : last, PageDown: Math.min(last, at + 8), PageUp: Math.max(0, at - 8) }[e.key];
    if (e.key === "Enter" && !e.isComposing) pressed = true;
    else if (to !== undefined) {
      at = Math.max(0, to);
      draw();
      dialog.querySelector(`#found-${at}`)?.scrollIntoView({ block: "nearest" });
    } else return;
    e.preventDefault();
  }

  // Not before the key is up again: what comes next, a question perhaps, would take the rest of it.
  function release(e: KeyboardEvent): void {
    if (e.key === "Enter" && pressed) take(at);
    pressed = false;
  }

  function take(index: number): void {
    chosen = found[index]?.command ?? null;
    if (chosen) dialog.close();
  }

  draw();
  const enough = onMore(() => {
    const now = found[at]?.command.id;
    all = unique(commands());
    found = find(query, all, lately);
    at = Math.max(0, found.findIndex((f) => f.command.id === now));
    draw();
  });
  dialog.addEventListener("click", (e) => e.target === dialog && dialog.close()); // beside it
  dialog.addEventListener("close", () => {
    enough();
    dialog.remove();
    if (!chosen) return;
    const id = chosen.id;
    forLong.set(KEY, JSON.stringify([id, ...lately.filter((x) => x !== id)].slice(0, RECENT)));
    chosen.run();
  });
  dialog.showModal();
}

function unique(all: readonly Command[]): Command[] {
  return [...new Map(all.map((c) => [c.id, c])).values()];
}

function marked(title: string, f: Fit | null): (string | TemplateResult)[] {
  if (!f) return [title];
  return [...title].map((letter, i) => (f.marks.has(i) ? html`<mark>${letter}</mark>` : letter));
}
