// <scrub-bar>: the recording's time line: what happened when, and where one is.
import { computed, signal } from "@preact/signals-core";
import { html, nothing, svg, type SVGTemplateResult, type TemplateResult } from "lit-html";
import { copy } from "../state/copy";
import { Part } from "../state/part";
import { plural } from "../state/text";
import { address, keptID, place, playing, seek, step, tape, time, toggle, told } from "./player";
import type { Tape } from "./tape";

const COLUMNS = 400; // the bar's marks are drawn in so many
const copied = signal(false);

interface Column {
  packets: number;
  lost: boolean;
  event: boolean;
  warning: boolean;
}

function columnsOf(t: Tape): Column[] {
  const all: Column[] = Array.from({ length: COLUMNS }, () => ({ packets: 0, lost: false, event: false, warning: false }));
  t.moments.forEach(({ message: m }, i) => {
    const c = all[Math.min(COLUMNS - 1, Math.floor((t.at[i]! / t.length) * COLUMNS))]!;
    if (m.journey) {
      c.packets++;
      c.lost ||= m.journey.verdict === "dropped" || m.journey.verdict === "rejected";
    }
    c.event ||= m.event !== undefined;
    c.warning ||= m.event?.type === "Warning";
  });
  return all;
}

const marks = computed(() => (tape.value ? drawMarks(tape.value) : nothing));

// Packets stand on the line, by how many they are; events hang below it.
function drawMarks(t: Tape): SVGTemplateResult[] {
  const columns = columnsOf(t);
  const most = Math.max(1, ...columns.map((c) => c.packets));
  const ends = [0, ...t.quiet.flat(), t.length].map((x) => (x / t.length) * COLUMNS);
  return [
    ...ends.slice(1).map((to, i) => svg`<line class=${i % 2 ? "quiet-time" : "busy-time"} x1=${ends[i]!} x2=${to} y1="27" y2="27"></line>`),
    ...columns.flatMap((c, i) => {
      const height = 5 + 19 * Math.sqrt(c.packets / most);
      return [
        c.packets > 0 ? svg`<rect class=${c.lost ? "lost-mark" : "packet-mark"} x=${i} y=${26 - height} width="1.6" height=${height}></rect>` : nothing,
        c.event ? svg`<rect class=${c.warning ? "warning-mark" : "event-mark"} x=${i} y="29" width="1.6" height="5"></rect>` : nothing,
      ].filter((x) => x !== nothing) as SVGTemplateResult[];
    }),
  ];
}

const counts = computed(() => {
  const all = tape.value?.moments ?? [];
  const lost = all.filter(({ message: { journey: j } }) => j?.verdict === "dropped" || j?.verdict === "rejected").length;
  return { packets: tape.value?.packets.length ?? 0, lost, events: all.filter((m) => m.message.event).length };
});

class ScrubBar extends Part {
  protected view(): TemplateResult {
    const t = tape.value;
    if (!t) return html``;
    const now = t.packets.filter((i) => i < told.value).length;
    const text = `${clockOf(time.value)}, ${now} of ${plural(t.packets.length, "packet")}`;
    return html`<div class="scrub" role="group" aria-label="Recording">
      <div class="scrub-keys">
        <button type="button" class="icon" aria-label="Packet before" aria-keyshortcuts="ArrowLeft" title="Packet before (←)" ?disabled=${now === 0} @click=${() => step(-1)}>${icon("M11 3 5 8l6 5z M4 3h1.6v10H4z")}</button>
        <button type="button" class="icon play" aria-label=${playing.value ? "Pause" : "Play"} aria-keyshortcuts="Space" title=${playing.value ? "Pause (space)" : "Play (space)"} @click=${toggle}>${icon(playing.value ? "M4 3h3v10H4z M9 3h3v10H9z" : "M4 2.5 13 8l-9 5.5z")}</button>
        <button type="button" class="icon" aria-label="Next packet" aria-keyshortcuts="ArrowRight" title="Next packet (→)" ?disabled=${now === t.packets.length} @click=${() => step(1)}>${icon("M5 3l6 5-6 5z M10.4 3H12v10h-1.6z")}</button>
      </div>
      <div class="track">
        <svg viewBox=${`0 0 ${COLUMNS} 36`} preserveAspectRatio="none" aria-hidden="true">${marks.value}</svg>
        <input type="range" min="0" max=${t.length} step="any" .value=${String(place.value)} aria-label="Moment of the recording" aria-valuetext=${text} title="Home, End: begin and end; arrows: from packet to packet"
          @input=${(e: Event) => { playing.value = false; seek(Number((e.target as HTMLInputElement).value)); }}>
      </div>
      <div class="scrub-text">
        <span class="mono now">${clockOf(time.value)}</span>
        <span class="muted so-far">${now} of ${t.packets.length}<span class="word"> packets</span></span>
        ${keptID.value ? html`<button type="button" class="quiet" title="A link to this moment, and to the packet that you look at" @click=${this.#copy}>${copied.value ? "Copied" : "Copy link"}</button>` : nothing}
      </div>
      <p class="hidden">${plural(counts.value.packets, "packet")}, ${counts.value.lost} dropped or rejected, ${plural(counts.value.events, "event")}, from ${clockOf(t.recording.from)} to ${clockOf(t.recording.to)}.${t.quiet.length > 0 ? " Quiet stretches are shortened." : ""}</p>
    </div>`;
  }

  #copy = async (): Promise<void> => {
    await copy(new URL(address.value, location.href.split("#")[0]).href);
    copied.value = true;
    setTimeout(() => (copied.value = false), 2000);
  };
}

function icon(path: string): TemplateResult {
  return html`<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true"><path fill="currentColor" d=${path}></path></svg>`;
}

/** Nanoseconds since the epoch, as the time of the day with its milliseconds. */
function clockOf(ns: number): string {
  return new Date(ns / 1e6).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
}

const KEYS: Record<string, () => void> = {
  " ": toggle,
  ArrowRight: () => step(1),
  ArrowLeft: () => step(-1),
  Home: () => { playing.value = false; seek(0); },
  End: () => { playing.value = false; seek(tape.value?.length ?? 0); },
};

// Where something has keys of its own, those hold; the bar itself and the rest of
// the page are played by these.
const OWN = "button, a, summary, input:not([type=range]), select, textarea, [contenteditable], [role=tab], [role=option], [data-vertex], pre, [tabindex='0']:not(#map):not(.scrub)";

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !tape.value) return;
  const act = KEYS[event.key];
  const at = event.target as Element;
  const bar = at.closest(".scrub") !== null;
  const pressed = event.key === " " && at.matches("button, select");
  if (!act || pressed || (!bar && at.closest(OWN)) || (bar && at.matches("select"))) return;
  event.preventDefault();
  act();
}, { capture: true });

customElements.define("scrub-bar", ScrubBar);
