// One websocket to one terminal: it comes back after a cut, and is told from the
// beginning then what the server keeps. What is typed meanwhile waits, within a bound.
import type { TerminalSay } from "../model";
import { pause, STEADY } from "../state/pace";

export type LineState = "connecting" | "live" | "waiting" | "ended" | "gone" | "lost";

export interface Listener {
  /** All that is kept follows from here. */
  reset(): void;
  output(bytes: Uint8Array): void;
  state(state: LineState, code: number): void;
}

const LONGEST_WAIT = 8_000; // ms
const GONE = 4404; // server/stream's close code for what is no longer there
const ENDED = 4403; // and of a link that was ended
const FRAME = 16 << 10; // bytes a frame
const AHEAD = 64 << 10; // bytes that the socket is given before it has sent them
const MOST_TYPED = 32 << 20; // bytes that wait to be sent

export class Line {
  #socket: WebSocket | null = null;
  #typed: Uint8Array[] = [];
  #size: { columns: number; rows: number } | null = null;
  #tries = 0;
  #timer = 0;
  #pumping = 0;
  #over = false;

  /** There tells whether the terminal is still there: null if nobody can say, "lost" if it ended with
   *  its server. */
  constructor(
    private readonly path: string,
    private readonly there: () => Promise<boolean | "lost" | null>,
    private readonly listener: Listener,
  ) {
    addEventListener("online", this.#now);
    document.addEventListener("visibilitychange", this.#now);
    this.connect();
  }

  connect(): void {
    if (this.#over || this.#socket) return;
    this.listener.state("connecting", 0);
    const url = new URL(`${this.path}/stream`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    let opened = 0;
    socket.onopen = () => {
      opened = performance.now();
      this.listener.state("live", 0);
      this.#saySize();
      this.#pump();
    };
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) return this.listener.output(new Uint8Array(event.data));
      const say = JSON.parse(String(event.data)) as TerminalSay;
      if (say.reset) this.listener.reset();
      if (say.ended) this.#end("ended", say.code ?? 0);
    };
    socket.onclose = (event) => {
      if (this.#socket !== socket) return;
      this.#socket = null;
      if (opened && performance.now() - opened > STEADY) this.#tries = 0;
      if (event.code === GONE || event.code === ENDED) this.#end("gone", 0);
      else void this.#comeBack();
    };
  }

  /** Hangs up for now; connect() is told from the beginning. */
  drop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#pumping);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** Hangs up for good. */
  close(): void {
    this.#over = true;
    this.#typed = [];
    removeEventListener("online", this.#now);
    document.removeEventListener("visibilitychange", this.#now);
    this.drop();
  }

  type(text: string): void {
    this.send(new TextEncoder().encode(text));
  }

  send(bytes: Uint8Array): void {
    if (this.#over) return;
    // Ctrl-C is about what has not been sent yet, too: a paste by mistake ends.
    if (bytes.length === 1 && bytes[0] === 3) this.#typed = [];
    const waiting = this.#typed.reduce((n, b) => n + b.length, 0);
    if (waiting + bytes.length > MOST_TYPED) return;
    this.#typed.push(bytes);
    this.#pump();
  }

  size(columns: number, rows: number): void {
    if (this.#size?.columns === columns && this.#size.rows === rows) return;
    this.#size = { columns, rows };
    this.#saySize();
  }

  #saySize(): void {
    if (this.#size && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(this.#size));
  }

  // In small frames, and not faster than the line takes them.
  #pump = (): void => {
    const socket = this.#socket;
    while (this.#typed.length > 0) {
      if (socket?.readyState !== WebSocket.OPEN || socket !== this.#socket) return;
      if (socket.bufferedAmount > AHEAD) {
        clearTimeout(this.#pumping);
        this.#pumping = window.setTimeout(this.#pump, 20);
        return;
      }
      const first = this.#typed[0]!;
      socket.send(first.slice(0, FRAME));
      if (first.length > FRAME) this.#typed[0] = first.subarray(FRAME);
      else this.#typed.shift();
    }
  };

  async #comeBack(): Promise<void> {
    const there = await this.there();
    if (this.#over || this.#socket) return;
    if (there === false) return this.#end("gone", 0);
    if (there === "lost") return this.#end("lost", 0);
    this.listener.state("waiting", 0);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.connect(), pause(LONGEST_WAIT, this.#tries++));
  }

  #now = (): void => {
    if (this.#socket || document.hidden) return;
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.connect();
  };

  #end(state: "ended" | "gone" | "lost", code: number): void {
    this.close();
    this.listener.state(state, code);
  }
}
