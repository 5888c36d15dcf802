// <session-clock>: how long this cluster stays, how to have it longer, and how to begin
// anew. It says so before the time is up.
import { effect } from "@preact/signals-core";
import { html, type TemplateResult } from "lit-html";
import { end, extendAndTell, left, SOON, startOver, timeOf } from "../state/lifetime";
import { Part } from "../state/part";

class SessionClock extends Part {
  protected view(): TemplateResult {
    if (Number.isNaN(end.value)) return html``;
    const seconds = Math.floor(left.value / 1000);
    const two = (n: number) => String(n).padStart(2, "0");
    const text = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    return html`<button type="button" class=${left.value < SOON ? "chip clock soon" : "chip clock"} popovertarget="clock" title="How long this cluster stays"><span class="word">stays</span> <b role="timer">${text}</b></button>
      <div id="clock" class="panel" popover role="dialog" aria-labelledby="clock-title">
        <div class="panel-head"><h2 id="clock-title">This cluster stays until ${timeOf(end.value)}</h2>
          <button type="button" class="icon" popovertarget="clock" popovertargetaction="hide" aria-label="Close">×</button></div>
        <p>Then it closes, with all that runs in it. Your progress in lessons and what is in the editor stay in this browser.</p>
        <div class="actions"><button type="button" class="primary extend" @click=${() => void extendAndTell()}>Extend</button>
          <button type="button" class="quiet start-over" @click=${() => void startOver()}>Start over…</button></div>
      </div>`;
  }
}

let warned = 0; // the end that was warned of
let away: (() => void) | null = null; // takes the warning away

effect(() => {
  const [at, ms] = [end.value, left.value];
  if (Number.isNaN(at) || at === warned) return;
  if (ms > SOON || ms === 0) return away?.();
  warned = at;
  void import("../state/toast").then(({ toast }) => {
    away = toast(`This cluster closes at ${timeOf(at)}, in ${Math.max(1, Math.round(ms / 60_000))} min`, { action: { text: "Extend", act: extendAndTell }, stays: true });
  });
});

customElements.define("session-clock", SessionClock);
