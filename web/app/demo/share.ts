// The dialog of who shares a session: what others will see, the links there are, and who
// looks on by them.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, render, type TemplateResult } from "lit-html";
import type { NewView, View, Viewers } from "../model";
import { announce } from "../state/announce";
import { ask, json } from "../state/api";
import { copy } from "../state/copy";
import { data } from "../state/data";
import { watching } from "../state/demo";
import { timeOf } from "../state/lifetime";

const links = signal<readonly View[] | null>(null);
const viewers = signal<Viewers>({ count: 0 });
const copied = signal("");
const trouble = signal("");
const busy = signal(false);

/** Opens the dialog. */
export function open(): void {
  if (document.querySelector("dialog.share")) return;
  const dialog = document.createElement("dialog");
  dialog.className = "ask share";
  dialog.setAttribute("aria-labelledby", "share-title");
  document.body.append(dialog);
  trouble.value = copied.value = "";
  const stop = effect(() => void render(view(dialog), dialog));
  const count = effect(() => {
    void watching.value;
    void look();
  });
  dialog.addEventListener("close", () => {
    stop();
    count();
    dialog.remove();
  });
  dialog.showModal();
  void tried(reload);
}

// Who looks on now. What fails is asked again when that changes.
async function look(): Promise<void> {
  try {
    viewers.value = JSON.parse(await ask("GET", "/viewers")) as Viewers;
  } catch {
    // The page's head says how many they are.
  }
}

async function reload(): Promise<void> {
  links.value = (JSON.parse(await ask("GET", "/views")) as View[]).filter((v) => v.rights === "look");
}

function view(dialog: HTMLDialogElement): TemplateResult {
  const all = links.value ?? [];
  return html`<div class="share-body">
    <div class="panel-head"><h2 id="share-title">Share this session</h2><button type="button" class="icon" aria-label="Close" @click=${() => dialog.close()}>×</button></div>
    <p>Whoever has the link sees what you see: the map and its packets, all objects and logs, your terminals, and what stands in your editor, as you type it. They follow you or look around, and change nothing.</p>
    <p class="muted">Values of Secrets are hidden from them, but not those that you type into the editor or print in a terminal. They can make a copy of the cluster for themselves, without those values.</p>
    ${all.length > 0 ? html`<ul class="share-links">${all.map(row)}</ul>` : nothing}
    <div class="actions"><button type="button" class=${all.length > 0 ? "quiet make-link" : "primary make-link"} ?disabled=${busy.value || links.value === null} @click=${() => void tried(share)}>${all.length > 0 ? "Make another link" : "Make a link"}</button>
      ${all.length > 0 ? html`<button type="button" class="quiet end-sharing" ?disabled=${busy.value} @click=${() => void tried(end)}>End sharing</button>` : nothing}</div>
    ${trouble.value ? html`<p class="bad" role="alert">${trouble.value}</p>` : nothing}
    <p class="share-count" role="status">${who()}</p>
  </div>`;
}

function who(): string {
  const { count, by } = viewers.value;
  if (count === 0) return "Nobody looks on now.";
  const names = [...new Set((by ?? []).map((b) => b.name).filter(Boolean))];
  return `${count === 1 ? "One looks on" : `${count} look on`} now${names.length > 0 ? `: ${names.join(", ")}${names.length < (by ?? []).length ? " and others" : ""}` : ""}.`;
}

// The lesson goes along, so that they see its steps.
function address(v: View): string {
  const url = new URL(v.url, location.href);
  if (data?.lesson) url.searchParams.set("lesson", data.lesson.slug);
  return url.href;
}

function row(v: View): TemplateResult {
  const link = address(v);
  const until = new Date(v.until);
  return html`<li><input class="mono" readonly aria-label="Link" .value=${link} @focus=${(e: Event) => (e.target as HTMLInputElement).select()}>
    <button type="button" class="quiet" data-copy-link @click=${() => void copyIt(link)}>${copied.value === link ? "Copied" : "Copy"}</button>
    <button type="button" class="quiet" data-end title="Nobody can look on by it any more" @click=${() => void tried(() => revoke([v]))}>End</button>
    <span class="muted">Until ${until.toLocaleDateString(undefined, { day: "numeric", month: "long" })}, ${timeOf(+until)}, or until this session ends.</span></li>`;
}

async function copyIt(link: string): Promise<void> {
  await copy(link);
  copied.value = link;
}

async function share(): Promise<void> {
  const made = JSON.parse(await ask("POST", "/views", json({ rights: "look" } satisfies NewView))) as View;
  await reload();
  await copyIt(address(made));
}

const end = (): Promise<void> => revoke(links.peek() ?? []);

async function revoke(all: readonly View[]): Promise<void> {
  for (const v of all) await ask("DELETE", `/views/${v.key}`);
  announce(all.length === 1 ? "The link leads nowhere any more" : "Sharing has ended");
  await reload();
}

async function tried(f: () => Promise<unknown>): Promise<void> {
  busy.value = true;
  try {
    await f();
    trouble.value = "";
  } catch (e) {
    trouble.value = e instanceof Error ? e.message : String(e);
  } finally {
    busy.value = false;
    // What was pressed may have gone.
    const dialog = document.querySelector("dialog.share");
    if (dialog && !dialog.contains(document.activeElement)) dialog.querySelector<HTMLElement>(".make-link")?.focus();
  }
}
