// All that is known of one person, and what can be done for them.
import { html, nothing, type TemplateResult } from "lit-html";
import type { Member } from "../model";
import { plural } from "../state/text";
import { askControl, endControl, look, lookAway, remove } from "./deeds";
import { lessonOf } from "./given";
import { openPush } from "./open";
import { viewPage } from "./paths";
import { isClosed, now } from "./store";
import { moment, since } from "./words";

export function person(m: Member): TemplateResult {
  const fails = m.failing ?? [];
  return html`<div class="person">
    ${m.help ? html`<p class="asks-whole"><b>Asks for help</b> <span class="muted">since ${moment(m.help.since)}</span> ${m.help.text ?? ""}</p>` : nothing}
    <div class="person-parts">
      <section aria-label="Checks of the step"><h2>Checks of the step</h2>
        ${fails.length > 0
          ? html`<ul class="fails">${fails.map((f) => html`<li><b>${f.title}</b>${f.saw ? html`<span class="saw-whole">${f.saw}</span>` : nothing}</li>`)}</ul>`
          : html`<p class="muted">${m.lesson ? "None is known to fail." : "In no lesson."}</p>`}
        ${m.attempts || m.hints ? html`<p class="muted">${[m.attempts ? `tried ${m.attempts === 1 ? "once" : `${m.attempts} times`}` : "", m.hints ? `${plural(m.hints, "hint")} taken` : ""].filter(Boolean).join(", ")}</p>` : nothing}</section>
      ${m.lastError ? html`<section aria-label="Last error"><h2>Last error <span class="muted">${m.lastErrorAt ? moment(m.lastErrorAt) : ""}</span></h2><pre class="last-error" tabindex="0">${m.lastError}</pre></section>` : nothing}
      <section aria-label="Lessons"><h2>Lessons</h2>${lessons(m)}
        <p class="muted">${m.online ? `Here since ${moment(m.joined)}` : `Joined ${moment(m.joined)}, last here ${since(m.lastSeen, now.value) || "a moment"} ago`}${m.session ? html`, cluster <span class="mono">${m.session}</span>` : ", no cluster"}</p></section>
    </div>
    <div class="actions">
      <button type="button" class="quiet" ?disabled=${!m.session} @click=${() => void look(m)}>Look</button>
      ${m.looking ? html`<button type="button" class="quiet" @click=${() => void lookAway(m)}>Stop looking</button>` : nothing}
      ${keyboard(m)}
      <button type="button" class="quiet" ?disabled=${isClosed.value} @click=${() => openPush([m])}>Push…</button>
      <button type="button" class="quiet away-with" @click=${() => void remove(m)}>Remove…</button>
    </div></div>`;
}

function lessons(m: Member): TemplateResult {
  const done = Object.entries(m.done ?? {});
  if (done.length === 0) return html`<p class="muted">None begun.</p>`;
  return html`<ul class="lessons-of">${done.map(([slug, n]) => {
    const l = lessonOf(slug);
    return html`<li>${l?.title ?? slug} <span class="muted">${l && l.checked > 0 && n >= l.checked ? "done" : `${n} of ${l?.checked ?? "?"} done`}</span></li>`;
  })}</ul>`;
}

function keyboard(m: Member): TemplateResult {
  if (m.control === "given") return html`<a class="quiet" href=${viewPage(m.view ?? "", m.lesson, m.step)} target="_blank" rel="noopener">Type in their session</a> <button type="button" class="quiet" @click=${() => void endControl(m)}>Give the keyboard back</button>`;
  if (m.control === "asked") return html`<button type="button" class="quiet" @click=${() => void endControl(m)}>Asked for the keyboard: take that back</button>`;
  return html`<button type="button" class="quiet" ?disabled=${!m.session || !m.online} @click=${() => void askControl(m)}>Ask for the keyboard</button>`;
}
