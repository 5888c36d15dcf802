// Why something did not work, what says so, and what to do about it.
import { html, nothing, type TemplateResult } from "lit-html";
import { append } from "../editor/text";
import type { Advice, Finding, Object, Why } from "../model";
import { copy } from "../state/copy";
import { recorded } from "../state/data";
import { journeyID, showHop, showJourney, showObject } from "../state/selection";
import { journeys, vertices } from "../state/store";
import { idOf } from "../state/text";

export function why(w: Why): TemplateResult {
  return html`<section class="why" aria-labelledby="why"><h3 id="why">Why</h3>
    <p class="because">${w.sentence}</p>
    ${w.seen?.length ? html`<h4>What was seen</h4><ul class="seen">${w.seen.map((f) => html`<li>${f.sentence} ${source(f)}</li>`)}</ul>` : nothing}
    ${w.advice?.length ? advice("What to do", w.advice) : nothing}</section>`;
}

// Where a finding is from: a hop that was captured, or an object.
function source(f: Finding): TemplateResult | typeof nothing {
  const id = f.journey;
  if (id && journeys.value.has(id)) {
    const n = f.hop ?? 0;
    return html`<button type="button" class="link" aria-label=${`Show hop ${n + 1} of this packet`} @click=${() => showSeen(id, n)}>hop ${n + 1}</button>`;
  }
  return f.object ? objectLink(f.object) : nothing;
}

function showSeen(id: string, n: number): void {
  if (journeyID.value !== id) showJourney(id);
  showHop(n);
}

export function objectLink(o: Object): TemplateResult | typeof nothing {
  const id = idOf(o);
  return vertices.value.has(id) ? html`<button type="button" class="link" @click=${() => showObject(id)}>${o.kind} ${o.name}</button>` : nothing;
}

export function advice(title: string, all: Advice[]): TemplateResult {
  return html`<section class="advice" aria-label=${title}><h3>${title}</h3><ol>
    ${all.map((a) => html`<li><p>${a.sentence}</p>
      ${a.command ? html`<pre class="rule" tabindex="0" aria-label="The command">${a.command}</pre><button type="button" class="quiet" @click=${() => void copy(a.command!)}>Copy the command</button>` : nothing}
      ${a.manifest ? html`<details><summary>The policy</summary><pre class="rule" tabindex="0">${a.manifest}</pre></details>
        ${recorded ? html`<button type="button" class="quiet" @click=${() => void copy(a.manifest!)}>Copy the policy</button>` : html`<button type="button" class="quiet" @click=${() => append(a.manifest!)}>Put it into the editor</button>`}` : nothing}</li>`)}
  </ol></section>`;
}
