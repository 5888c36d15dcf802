// The newest lines of a log, however much of it comes: bounded in lines and in their
// length, and what is left out is counted. It knows neither page nor API.

export const MOST_LINES = 5000;
export const LONGEST_LINE = 10_000; // characters

export interface Line {
  time: string; // RFC 3339 with nanoseconds, as the kubelet writes it; "" without
  text: string;
}

const STAMP = /^(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)) ?/;
const COLOURS = /\u001b\[[0-9;?]*[A-Za-z]/g; // and other sequences for terminals

export class LogBuffer {
  lines: readonly Line[] = [];
  /** Lines that came and are not kept any more. */
  dropped = 0;
  /** Of the newest line. */
  last = "";
  #rest = "";
  #cutting = false; // in the middle of a line that is too long
  #since = ""; // lines up to here have been here before

  /** Has what comes next begin where this ends: lines that are here are not taken again. */
  resume(): void {
    this.#rest = "";
    this.#cutting = false;
    this.#since = this.last;
  }

  /** Takes text as it comes, in pieces of any size. Answers how many lines went out at the front. */
  take(text: string): number {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop()!;
    if (this.#cutting && parts.length > 0) {
      parts.shift(); // the end of what was cut
      this.#cutting = false;
    }
    if (this.#cutting) this.#rest = "";
    if (this.#rest.length > LONGEST_LINE * 2) {
      parts.push(this.#rest);
      this.#rest = "";
      this.#cutting = true;
    }
    if (parts.length === 0) return 0;
    // Of what comes at once, more than is kept need not be looked at.
    const over = Math.max(0, parts.length - MOST_LINES);
    const fresh: Line[] = [];
    for (const part of over > 0 ? parts.slice(over) : parts) {
      const line = read(part);
      if (this.#since && line.time && line.time <= this.#since) continue;
      fresh.push(line);
    }
    if (fresh.length > 0) this.last = fresh.at(-1)!.time || this.last;
    const all = [...this.lines, ...fresh];
    const out = Math.max(0, all.length - MOST_LINES);
    this.lines = out > 0 ? all.slice(out) : all;
    this.dropped += over + out;
    return out;
  }

  /** The line that has no end yet, when nothing more comes. */
  end(): void {
    if (this.#rest && !this.#cutting) this.take("\n");
    this.#rest = "";
    this.#cutting = false;
  }
}

function read(part: string): Line {
  const m = STAMP.exec(part.slice(0, 48));
  const raw = m ? part.slice(m[0].length) : part;
  const text = (raw.length > LONGEST_LINE ? `${raw.slice(0, LONGEST_LINE)}… (a line of more than ${LONGEST_LINE} characters)` : raw).replace(COLOURS, "").replace(/\r$/, "");
  return { time: m?.[1] ?? "", text };
}
