// All that the operator sees, asked for every few seconds while the page is looked at.
import { html, nothing, render } from "lit-html";
import type { Operator, OperatorPart } from "../model";
import { ask } from "../state/ask";
import { at } from "../state/base";
import { bytes, columns, sorted, span } from "./columns";

const every = 3000; // milliseconds

const nameOf = (p: OperatorPart): string => (p.name === "cpu" ? "CPU pressure" : p.name.charAt(0).toUpperCase() + p.name.slice(1));

class OperatorPage extends HTMLElement {
  private now: Operator | null = null;
  private trouble = "";
  private by = 2;
  private down = true;
  private timer = 0;

  connectedCallback(): void {
    document.addEventListener("visibilitychange", this.look);
    this.replaceChildren();
    void this.look();
  }

  disconnectedCallback(): void {
    document.removeEventListener("visibilitychange", this.look);
    clearTimeout(this.timer);
  }

  private look = async (): Promise<void> => {
    clearTimeout(this.timer);
    if (document.hidden) return;
    try {
      const answer = await fetch(at("/api/operator"));
      if (!answer.ok) throw new Error((await answer.json()).detail ?? answer.statusText);
      this.now = await answer.json();
      this.trouble = "";
    } catch (e) {
      this.trouble = `What follows is not as it is now: ${why(e)}`;
    }
    if (!this.isConnected) return;
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(this.look, every);
  };

  private async act(session: string, deed: "park" | "end"): Promise<void> {
    const yes = await ask(deed === "end"
      ? { title: `End session ${session} for good?`, text: "All that runs in it ends, and nobody can open it again.", yes: "End it", danger: true }
      : { title: `Park session ${session}?`, text: "What runs in it ends. Whoever asks for it has it opened again.", yes: "Park it" });
    if (!yes) return;
    try {
      const answer = await fetch(at(`/api/operator/sessions/${session}/${deed}`), { method: "POST" });
      if (!answer.ok) throw new Error((await answer.json().catch(() => null))?.detail ?? answer.statusText);
    } catch (e) {
      this.trouble = why(e);
      return this.draw();
    }
    await this.look();
  }

  private sort(i: number): void {
    this.down = this.by === i ? !this.down : columns[i]!.number === true;
    this.by = i;
    this.draw();
  }

  private draw(): void {
    const o = this.now;
    render(html`
      <p class="bad" role="status" ?hidden=${!this.trouble}>${this.trouble}</p>
      ${o ? html`${this.room(o)}${this.sessions(o)}${this.queue(o)}${this.breaches(o)}` : nothing}`, this);
  }

  private room(o: Operator) {
    const c = o.capacity;
    return html`<section>
      <h2 id="room-title">${c.room === 0 ? "No room for another session" : `Room for ${c.room} more`}</h2>
      <p class="muted">${c.room === 0 ? `It is full for want of ${c.binds}; who comes waits.` : `What runs out first: ${c.binds}.`}</p>
      <ul class="room">${(c.parts ?? []).map((p) => this.meter(p, p.name === c.binds))}</ul>
    </section>`;
  }

  private meter(p: OperatorPart, binds: boolean) {
    const write = (n: number) => (p.unit === "bytes" ? bytes(n) : p.unit === "percent" ? `${n.toFixed(0)} %` : String(Math.round(n)));
    const of = p.of || 1;
    return html`<li>
      <span class="room-name"><span class=${binds ? "binds" : ""}>${nameOf(p)}</span><span>${p.unit === "percent" ? write(p.used) : `${write(p.used)} of ${write(p.of)}`}</span></span>
      <meter aria-label=${nameOf(p)} min="0" max=${of} low=${of * 0.7} high=${of * 0.9} optimum="0" .value=${p.used}></meter>
      <span class="muted">${p.room < 0 ? "limits nothing" : `room for ${p.room}`}${p.each > 1 ? `, ${write(p.each)} each` : ""}</span>
    </li>`;
  }

  private sessions(o: Operator) {
    const now = Date.parse(o.time);
    const all = o.sessions ?? [];
    return html`<section>
      <h2 id="sessions" tabindex="-1">${all.length === 1 ? "1 session" : `${all.length} sessions`}</h2>
      ${all.length === 0 ? html`<p class="muted">Nobody has one now.</p>` : html`
      <div class="operator-scroll" tabindex="0" role="region" aria-labelledby="sessions"><table>
        <thead><tr>${columns.map((c, i) => html`<th scope="col" class=${c.number ? "number" : ""} aria-sort=${this.by === i ? (this.down ? "descending" : "ascending") : nothing}>
          <button type="button" @click=${() => this.sort(i)}>${c.name}${this.by === i ? html`<span aria-hidden="true"> ${this.down ? "↓" : "↑"}</span>` : nothing}</button></th>`)}
          <th scope="col"><span class="hidden">What to do</span></th></tr></thead>
        <tbody>${sorted(all, this.by, this.down).map((s) => html`<tr>
          ${columns.map((c, i) => html`<td class=${c.number ? "number" : ""}>${i === 0 ? html`<code>${c.text(s, now)}</code>` : c.text(s, now)}</td>`)}
          <td><span class="deeds">
            <button type="button" class="quiet" ?hidden=${s.state === "parked"} aria-label=${`Park ${s.session}`} @click=${() => this.act(s.session, "park")}>Park</button>
            <button type="button" class="quiet" aria-label=${`End ${s.session}`} @click=${() => this.act(s.session, "end")}>End</button></span></td>
        </tr>`)}</tbody>
      </table></div>`}
    </section>`;
  }

  private queue(o: Operator) {
    const all = o.queue ?? [];
    return html`<section>
      <h2 id="queue-title">${all.length === 0 ? "Nobody waits" : `${all.length} wait`}</h2>
      ${all.length === 0 ? nothing : html`<div class="operator-scroll" tabindex="0" role="region" aria-labelledby="queue-title"><table>
        <thead><tr><th scope="col" class="number">Place</th><th scope="col">Ticket</th><th scope="col">Who</th><th scope="col">Turn</th></tr></thead>
        <tbody>${all.map((q, i) => html`<tr><td class="number">${i + 1}</td><td><code>${q.ticket}</code></td><td>${q.member ? "member of a class" : ""}</td><td>${q.turn ? "a place is held" : ""}</td></tr>`)}</tbody>
      </table></div>`}
    </section>`;
  }

  private breaches(o: Operator) {
    const now = Date.parse(o.time);
    const all = [...(o.breaches ?? [])].reverse();
    return html`<section>
      <h2 id="breaches-title">Rules that were broken</h2>
      ${all.length === 0 ? html`<p class="muted">None, since this server began.</p>` : html`<div class="operator-scroll" tabindex="0" role="region" aria-labelledby="breaches-title"><table>
        <thead><tr><th scope="col" class="number">Ago</th><th scope="col">Session</th><th scope="col">Pod</th><th scope="col">Rule</th><th scope="col">What</th></tr></thead>
        <tbody>${all.map((b) => html`<tr><td class="number">${span((now - Date.parse(b.time)) / 1000)}</td><td><code>${b.session}</code></td><td>${b.pod ?? ""}</td><td>${b.rule}</td>
          <td class="text">${b.text}${b.ended ? " The session was ended." : ""}</td></tr>`)}</tbody>
      </table></div>`}
    </section>`;
  }
}

// A fetch that reaches nobody says so in words of the browser's own.
const why = (e: unknown): string => (e instanceof TypeError ? "the server could not be reached." : e instanceof Error ? e.message : String(e));

customElements.define("operator-page", OperatorPage);
