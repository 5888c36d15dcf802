// <capture-note>: says when not all packets are captured, and what was lost.
import { html, nothing, type TemplateResult } from "lit-html";
import { capture, lost, read } from "../state/capture";
import { Part } from "../state/part";
import { clock, plural } from "../state/text";

const many = (n: number): string => n.toLocaleString("en");

class CaptureNote extends Part {
  protected view(): TemplateResult {
    return html`${turned()}${losses()}`;
  }
}

function turned(): TemplateResult | typeof nothing {
  const { mode, since = 0, skipped = 0 } = capture.value;
  const at = clock(since / 1e6);
  if (mode !== "all") {
    return html`<p class="capture-line"><b>Too many packets to capture them all.</b> Since ${at}, of TCP only the beginnings and ends of connections are shown.${
      mode === "samples" ? " Of everything, only samples are: other sessions need the server, too." : ""}${
      skipped > 0 ? html` <span class="muted">Left out so far, at all devices: <span class="mono">${many(skipped)}</span></span>` : nothing}</p>`;
  }
  if (skipped === 0 || read.value === since) return nothing;
  return html`<p class="capture-line">All packets are captured again since ${at}; ${many(skipped)} were left out before, counted at all devices.
    <button type="button" class="link" @click=${() => (read.value = since)}>Hide</button></p>`;
}

function losses(): TemplateResult | typeof nothing {
  const all = [...lost.value];
  if (all.length === 0) return nothing;
  const sum = all.reduce((n, [, count]) => n + count, 0);
  if (all.length === 1) return html`<p class="capture-line lost">${plural(sum, "event")} ${sum === 1 ? "is" : "are"} not shown here: ${all[0]![0]}.</p>`;
  return html`<details class="capture-line lost"><summary>${many(sum)} events are not shown here, for ${all.length} reasons</summary>
    <ul>${all.map(([reason, count]) => html`<li><span class="mono">${many(count)}</span> ${reason}</li>`)}</ul></details>`;
}

customElements.define("capture-note", CaptureNote);
