// What stands above the people: <class-head>, what the class is and what is done with all of
// it; <class-summary>, how many are where; <class-code>, <class-link> and <class-search> of the bar.
import { html, nothing, type TemplateResult } from "lit-html";
import { icon } from "../parts/icons";
import { at } from "../state/base";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { change, close, resultsURL, unfreeze } from "./deeds";
import { given } from "./given";
import { openFreeze, openPush, search, showCode } from "./open";
import { filter } from "./rows";
import { isClosed, klass, line, members, online, wanting } from "./store";
import { moment } from "./words";

class ClassHead extends Part {
  protected view(): TemplateResult {
    const c = klass.value;
    if (isClosed.value) {
      return html`<div class="head"><div><h1>${c.title}</h1><p class="muted">Closed ${moment(c.closed!)}. The results are kept${c.keptUntil ? ` until ${moment(c.keptUntil)}` : ""}.</p></div>
        <div class="actions">${results()}</div></div>`;
    }
    return html`<div class="head"><div><h1>${c.title}</h1>
        <p class="muted">${c.members} of ${c.size} places taken${c.open ? "" : ", joining is closed"}, ends ${moment(c.until)}</p></div>
      <div class="actions"><button type="button" class="primary" @click=${() => openPush([])}>Push to all…</button>
        ${c.frozen ? html`<button type="button" class="quiet" @click=${() => void unfreeze()}>Unfreeze</button>` : html`<button type="button" class="quiet" @click=${openFreeze}>Freeze screens…</button>`}
        <button type="button" class="quiet" @click=${() => void change({ open: !c.open }, c.open ? "Nobody can join any more" : "People can join again")}>${c.open ? "Stop joining" : "Let people join"}</button>
        ${results()}
        <button type="button" class="quiet" @click=${() => void close()}>Close the class…</button></div></div>
      ${c.frozen ? html`<p class="frozen-note" role="status"><b>All screens are frozen.</b> ${c.freezeText ? `They read: ${c.freezeText}` : ""}</p>` : nothing}`;
  }
}

const results = (): TemplateResult => html`<span class="results-of">Results <a class="link" href=${resultsURL("csv")} download>CSV</a> <a class="link" href=${resultsURL("json")} download>JSON</a></span>`;

class ClassSummary extends Part {
  protected view(): TemplateResult {
    const all = [...members.value.values()];
    const n = wanting.value.length;
    return html`<div class="summary">
      <p class="summary-line"><b>${online.value}</b> of ${all.length} online, ${n > 0 ? html`<button type="button" class="link wanting" @click=${() => (filter.value = { text: "", only: "help", at: null })}><b>${n}</b> ${n === 1 ? "needs" : "need"} help</button>` : "nobody needs help"}</p>
      ${this.#steps()}</div>`;
  }

  // Where the class is: of each lesson that somebody is in, how many are at which step.
  #steps(): TemplateResult | typeof nothing {
    const at = new Map<string, number[]>();
    let nowhere = 0;
    for (const m of members.value.values()) {
      if (!m.lesson || !m.step) nowhere++;
      else {
        const counts = at.get(m.lesson) ?? [];
        counts[m.step] = (counts[m.step] ?? 0) + 1;
        at.set(m.lesson, counts);
      }
    }
    if (members.value.size === 0) return nothing;
    const lessons = given.lessons.filter((l) => at.has(l.slug));
    return html`<ul class="where-list" aria-label="Where the class is">${lessons.map((l) => html`<li><span class="where-lesson" title=${l.title}>${l.title}</span>
        <span class="cells">${l.steps.map((title, i) => cell(l.slug, i + 1, title, at.get(l.slug)?.[i + 1] ?? 0))}</span></li>`)}
      ${nowhere > 0 ? html`<li><span class="where-lesson muted">In no lesson</span><span class="cells">${cell("", 0, "In no lesson", nowhere)}</span></li>` : nothing}</ul>`;
  }
}

function cell(lesson: string, step: number, title: string, count: number): TemplateResult {
  const f = filter.value.at;
  const on = f?.lesson === lesson && f.step === step;
  const name = `${step > 0 ? `Step ${step}, ${title}` : title}: ${plural(count, "person", "people")}`;
  const share = members.value.size === 0 || count === 0 ? 0 : Math.min(4, Math.ceil((count / members.value.size) * 8));
  return html`<button type="button" class="cell" data-share=${share} aria-pressed=${on} aria-label=${name} title=${name} ?disabled=${count === 0 && !on} @click=${() => (filter.value = { text: "", only: "all", at: on ? null : { lesson, step } })}>${count === 0 ? "·" : count}</button>`;
}

class ClassCode extends Part {
  protected view(): TemplateResult {
    const c = klass.value;
    return c.open && c.code && !isClosed.value ? html`<button type="button" class="chip code" aria-haspopup="dialog" title="Show the code in large" @click=${showCode}><span class="word">code</span> <b>${c.code}</b></button>` : html``;
  }
}

class ClassLink extends Part {
  protected view(): TemplateResult {
    const l = line.value;
    const text = { connecting: "connecting", live: "live", waiting: "reconnecting", gone: "class gone" }[l.state];
    return html`<span class=${`chip link ${l.state}`} role="status"><i aria-hidden="true"></i><span class="word">${text}</span></span>
      ${l.state === "gone" ? html`<div class="gone" role="alertdialog" aria-labelledby="gone-title" aria-describedby="gone-text"><h2 id="gone-title">This class is no longer there</h2><p id="gone-text">${l.reason}</p><a class="primary" href=${at("/classes")}>All classes</a></div>` : nothing}`;
  }
}

class ClassSearch extends Part {
  protected view(): TemplateResult {
    return html`<button type="button" class="chip search" aria-haspopup="dialog" @click=${search}>${icon("search")}<span class="word">Search or run</span></button>`;
  }
}

customElements.define("class-head", ClassHead);
customElements.define("class-summary", ClassSummary);
customElements.define("class-code", ClassCode);
customElements.define("class-link", ClassLink);
customElements.define("class-search", ClassSearch);
