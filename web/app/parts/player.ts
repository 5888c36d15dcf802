// <journey-player>: the bar under the map: live or held, step by step, how fast,
// and which hop of which packet is shown.
import { html, nothing, type TemplateResult } from "lit-html";
import { catchUp, MOST_FLYING, playAgain, resume, toggle, unflown } from "../state/live";
import { recorded } from "../state/data";
import { speed, SPEEDS, speedText, stopped } from "../state/player";
import { Part } from "../state/part";
import { conversation, hop, journey } from "../state/selection";
import { clearTerms, filtered, hidden, shown } from "../state/shown";
import { canStep, step } from "../state/steps";
import { holding, waiting } from "../state/store";
import { placeOf, plural } from "../state/text";
import { findJourneys } from "./filter";
import { icon } from "./icons";

class JourneyPlayer extends Part {
  protected view(): TemplateResult {
    const still = stopped.value;
    return html`<div class=${`caption ${journey.value ? "" : "idle"}`} role="group" aria-label="Player">
      ${recorded ? nothing : html`<button type="button" class="icon play" aria-keyshortcuts="Space" aria-label=${still ? "Go on, live" : "Pause"} title=${`${still ? "Go on, live" : "Pause: nothing moves, what arrives is counted"} (space)`}
        @click=${toggle}>${icon(still ? "play" : "pause")}</button>`}
      <button type="button" class="icon" aria-keyshortcuts="," aria-label="Previous hop" title="Previous hop ( , )" ?disabled=${!canStep(-1)} @click=${() => step(-1)}>${icon("back")}</button>
      <button type="button" class="icon" aria-keyshortcuts="." aria-label="Next hop" title="Next hop ( . )" ?disabled=${!canStep(1)} @click=${() => step(1)}>${icon("next")}</button>
      ${place()}
      ${holding.value ? held() : nothing}
      ${unflown.value > 0 && !holding.value ? html`<span class="note" title=${`${MOST_FLYING} fly at once. All of them are in the list.`}>${unflown.value} not flown</span>` : nothing}
      ${filtered.value ? html`<span class="sieve"><button type="button" class="link" title="Only what the filter leaves is shown and flown" @click=${findJourneys}>Filter: ${hidden.value} hidden</button><button
        type="button" class="icon" aria-label="Clear the filter" title="Clear the filter" @click=${clearTerms}>×</button></span>` : nothing}
      <button type="button" class="quiet again" aria-keyshortcuts="r" title="All packets of this request again, spaced as they were (r)" ?disabled=${!conversation.value} @click=${playAgain}>${icon("again")}<span class="word">Play again</span></button>
      <label class="speed" title="How fast packets fly (+ and -)"><span class="hidden">Speed</span>
        <select aria-keyshortcuts="+ -" .value=${String(speed.value)} @change=${(e: Event) => (speed.value = Number((e.target as HTMLSelectElement).value))}>
          ${SPEEDS.map((x) => html`<option value=${x} ?selected=${x === speed.value}>${speedText(x)}</option>`)}</select></label>
      ${recorded ? nothing : html`<button type="button" class="icon" popovertarget="keys" aria-label="Keys" title="Keys (?)" aria-keyshortcuts="?">?</button>`}
    </div>`;
  }
}

function place(): TemplateResult {
  const j = journey.value;
  const hops = j?.hops ?? [];
  const at = hops[hop.value];
  if (!j || hops.length === 0) return html`<p>${shown.value.length > 0 ? "Choose a conversation, and follow its packets." : recorded ? "Play on, or step to the next packet." : "Send a request, and its packets cross the map."}</p>`;
  return html`<p><b>${hop.value + 1}</b> of ${hops.length}${at ? html`<span class="place">${placeOf(at.place)}</span><span class="mono header">${j.summary} ${at.header.source} → ${at.header.destination}</span>` : ""}</p>`;
}

// What waits, and the two ways on: with it flying, or without.
function held(): TemplateResult {
  const { count, dropped } = waiting.value;
  const lost = dropped > 0 ? `${plural(dropped, "packet")} of them ${dropped === 1 ? "is" : "are"} not kept.` : "";
  return html`<span class="held" title=${lost}><b>Paused</b>, <span class="new">${count} new</span>${dropped > 0 ? html`, <span class="dropped">${dropped} not kept</span>` : nothing}</span>
    ${count > 0 ? html`<button type="button" class="link catch-up" title="Flies what waits, and goes on live" @click=${catchUp}>play ${count > MOST_FLYING ? `the last ${MOST_FLYING}` : "them"}</button>` : nothing}
    <button type="button" class="link now" title="Without flying what waits" @click=${resume}>go to now</button>`;
}

customElements.define("journey-player", JourneyPlayer);
