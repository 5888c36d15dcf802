// The line under the map: which hop of which packet is shown, and the keys to
// step through them.
import { html, type TemplateResult } from "lit-html";
import { recorded } from "../state/data";
import { conversation, hop, journey, replay, showHop } from "../state/selection";
import { placeOf } from "../state/text";

export function caption(): TemplateResult {
  const j = journey.value;
  const hops = j?.hops ?? [];
  const at = hops[hop.value];
  if (!j || hops.length === 0) return html`<div class="caption idle"><p>${recorded ? "Play on, or step to the next packet." : "Send a request, and its packets cross the map."}</p></div>`;
  return html`<div class="caption" role="group" aria-label="Steps of this packet">
    <button type="button" class="icon" aria-label="Previous hop" ?disabled=${hop.value <= 0} @click=${() => showHop(hop.value - 1)}>‹</button>
    <button type="button" class="icon" aria-label="Next hop" ?disabled=${hop.value >= hops.length - 1} @click=${() => showHop(hop.value + 1)}>›</button>
    <p aria-live="polite"><b>${hop.value + 1}</b> of ${hops.length}${at ? html`<span class="place">${placeOf(at.place)}</span><span class="mono header">${j.summary} ${at.header.source} → ${at.header.destination}</span>` : ""}</p>
    <button type="button" class="quiet" ?disabled=${!conversation.value} @click=${() => replay.value++}>Replay</button>
  </div>`;
}
