// The tab Terminal: a later chunk, drawn into <terminal-panel> when it is first in sight.
import { batch, effect, untracked } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { Terminal } from "../model";
import { announce } from "../state/announce";
import { moveInList } from "../state/keys";
import { looking } from "../state/data";
import { pause } from "../state/pace";
import { reveal } from "../state/reveal";
import { type How, wanted } from "../state/terminals";
import { chosen, close, current, instead, look, nameOf, open, placeOf, refused, terminals } from "./list";
import { readAloud, searching } from "./options";
import { Screen } from "./screen";
import { searchView } from "./search";

const screens = new Map<string, Screen>();
let mounted: Promise<HTMLElement> | null = null;

/** Draws the panel, once. */
function mount(): Promise<HTMLElement> {
  mounted ??= begin(document.querySelector<HTMLElement>("terminal-panel")!);
  return mounted;
}

// What opens terminals does so in turn: who comes second finds what the first has opened.
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(f: () => Promise<T>): Promise<T> {
  const mine = turn.then(mount).then(f);
  turn = mine.catch(() => undefined);
  return mine;
}

export async function run(text: string, how: How): Promise<void> {
  const place = how.place ?? "client";
  const fits = (t: Terminal | undefined) => t !== undefined && t.place === place && !t.ended;
  const t = await inTurn(async () => (fits(current.peek()) ? current.peek()! : (terminals.peek()?.find(fits) ?? (await open(place)))));
  if (!t) return;
  chosen.value = t.id;
  reveal("dock");
  announce(`Typed into the terminal: ${text}`);
  if (how.enter) screens.get(t.id)?.focus();
  await screens.get(t.id)?.run(text, how.interrupt ?? false);
}

export async function openAt(place: string): Promise<void> {
  const t = await inTurn(() => open(place));
  reveal("dock");
  if (t) screens.get(t.id)?.focus();
}

/** What somebody who brings up the tab expects: a shell to type into. */
export async function welcome(): Promise<void> {
  await inTurn(async () => (!looking && !wanted && terminals.peek()?.length === 0 && !refused.peek() ? open("client") : null));
}

/** Puts the focus into the terminal that is in front, once there is one. */
export async function enter(): Promise<void> {
  const on = document.activeElement;
  await welcome();
  const now = current.peek();
  if (now && document.activeElement === on) screens.get(now.id)?.focus();
}

async function begin(host: HTMLElement): Promise<HTMLElement> {
  host.innerHTML = `<div class="terminal-bar"></div><div class="terminal-find"></div><div class="terminal-screens"></div>`;
  const [bar, find, area] = [...host.children] as [HTMLElement, HTMLElement, HTMLElement];
  // xterm.js measures the font once.
  await document.fonts.load("13px 'JetBrains Mono Variable'").catch(() => []);
  await look();
  effect(() => void render(barView(), bar));
  effect(() => show(area));
  effect(() => {
    const screen = searching.value && current.value ? screens.get(current.value.id) : undefined;
    render(screen ? searchView(screen) : nothing, find);
  });
  effect(() => {
    if (searching.value) queueMicrotask(() => find.querySelector("input")?.focus());
  });
  effect(() => {
    const on = readAloud.value;
    for (const s of screens.values()) s.readAloud(on);
  });
  return host;
}

// Screens follow the list: each is made when it is first looked at.
function show(area: HTMLElement): void {
  const all = terminals.value ?? [];
  const now = current.value;
  untracked(() => {
    for (const [id, screen] of screens) {
      if (all.some((t) => t.id === id)) continue;
      screen.dispose();
      screens.delete(id);
      area.querySelector(`#terminal-${CSS.escape(id)}`)?.remove();
    }
    for (const screen of screens.values()) frameOf(screen).hidden = screen.terminal.id !== now?.id;
    if (now && !screens.has(now.id)) screens.set(now.id, framed(now, area));
  });
}

const frameOf = (screen: Screen) => screen.element.parentElement!;

function framed(t: Terminal, area: HTMLElement): Screen {
  const frame = document.createElement("div");
  frame.id = `terminal-${t.id}`;
  frame.className = "terminal-frame";
  frame.setAttribute("role", "tabpanel");
  frame.setAttribute("aria-labelledby", `terminal-tab-${t.id}`);
  area.append(frame);
  const screen = new Screen(t, frame);
  const note = document.createElement("div");
  note.className = "terminal-note";
  note.setAttribute("role", "status");
  frame.append(note);
  effect(() => void render(noteView(screen), note));
  effect(() => {
    if (screen.state.value.state === "lost") void renew(screen);
  });
  return screen;
}

// A terminal that ended with its server, while the session goes on at another, is followed by a new one
// of the same place, on the same screen. A pod's containers may take a while to run again.
const RENEWALS = 8; // tries
const LONGEST = 8_000; // ms between two

async function renew(screen: Screen): Promise<void> {
  const lost = screen.terminal;
  for (let tries = 0; tries < RENEWALS; tries++) {
    const t = await inTurn(() => instead(lost).then((t) => exchange(screen, t))).catch(() => null);
    if (t || !screens.has(lost.id)) return; // or it was closed meanwhile
    await new Promise((done) => setTimeout(done, pause(LONGEST, tries)));
  }
  screen.giveUp();
}

function exchange(screen: Screen, t: Terminal): boolean {
  const before = screen.terminal.id;
  const frame = frameOf(screen);
  if (screens.get(before) !== screen) return true;
  screens.delete(before);
  screens.set(t.id, screen);
  frame.id = `terminal-${t.id}`;
  frame.setAttribute("aria-labelledby", `terminal-tab-${t.id}`);
  screen.renew(t);
  batch(() => {
    terminals.value = (terminals.value ?? []).map((x) => (x.id === before ? t : x));
    if (chosen.value === before) chosen.value = t.id;
  });
  return true;
}

function noteView(screen: Screen): TemplateResult | typeof nothing {
  const { state, code } = screen.state.value;
  const again = html`<button type="button" class="quiet" data-again @click=${() => void openAgain(screen)}>Open again</button>`;
  switch (state) {
    case "ended":
      return html`<p>The program ended${code === 0 ? "" : `, with code ${code}`}.</p>${again}`;
    case "gone":
      return html`<p>This terminal is no longer there.</p>${again}`;
    case "lost":
      return html`<p>What ran here ended with its server. A new shell is on its way.</p>`;
    case "waiting":
      return html`<p>The line to it is broken. It comes back by itself.</p>`;
    default:
      return screen.renewed.value ? html`<p>What ran here ended with its server. This is a new shell.</p>` : nothing;
  }
}

// The new one first, so that something else is in front when the old one goes.
async function openAgain(screen: Screen): Promise<void> {
  const t = await open(screen.terminal.place);
  if (!t) return;
  await close(screen.terminal.id);
  chosen.value = t.id;
  screens.get(t.id)?.focus();
}

function barView(): TemplateResult {
  const all = terminals.value ?? [];
  const now = current.value;
  return html`<div class="terminal-tabs" role="tablist" aria-label="Terminals" @keydown=${tabKey}>
      ${all.map((t) => html`<button type="button" role="tab" id=${`terminal-tab-${t.id}`} data-terminal=${t.id} title=${placeOf(t)} aria-controls=${`terminal-${t.id}`}
        aria-selected=${t === now} tabindex=${t === now ? 0 : -1} @click=${() => bring(t)}>${nameOf(t)}${t.ended ? html` <span class="muted">ended</span>` : nothing}</button>`)}</div>
    <button type="button" class="icon" aria-label="New terminal" title="New terminal" data-new @click=${() => void openNew()}>+</button>
    <span class="space"></span>
    ${now ? html`<p class="terminal-keys muted">Tab is the shell's. <kbd>F6</kbd> leads out.</p>
      <button type="button" class="quiet" data-search aria-pressed=${searching.value} title="Ctrl, Shift and F" @click=${() => (searching.value = !searching.value)}>Search</button>
      <button type="button" class="quiet" data-aloud aria-pressed=${readAloud.value} title="Keeps the text where screen readers find it" @click=${() => (readAloud.value = !readAloud.value)}>Screen reader</button>
      <button type="button" class="quiet" data-close title="Ends what runs in it" @click=${() => void closeIt(now)}>Close<span class="hidden"> ${nameOf(now)}</span></button>` : nothing}
    ${refused.value ? html`<p class="terminal-refused bad" role="alert">${refused.value}</p>` : nothing}
    ${all.length === 0 && terminals.value && !refused.value ? html`<p class="terminal-none muted">${looking ? "No terminal is open." : "No terminal is open. A new one is a shell on your own machine, beside the cluster."}</p>` : nothing}`;
}

function bring(t: Terminal): void {
  chosen.value = t.id;
  screens.get(t.id)?.focus();
}

async function openNew(): Promise<void> {
  const t = await inTurn(() => open("client"));
  if (t) screens.get(t.id)?.focus();
}

async function closeIt(t: Terminal): Promise<void> {
  await close(t.id);
  const left = current.peek();
  if (left) screens.get(left.id)?.focus();
  else document.querySelector<HTMLElement>("terminal-panel [data-new]")?.focus();
}

function tabKey(event: KeyboardEvent): void {
  const now = current.peek();
  if (event.key === "Delete" && now) {
    event.preventDefault();
    void closeIt(now);
    return;
  }
  const next = moveInList(event, "[role=tab]");
  if (next) chosen.value = next.dataset.terminal!;
}
