// One websocket that follows a session: it resumes after the last sequence
// number that it saw, comes back with back-off, and says what state it is in.
import type { Message } from "../model";
import { gather, pause, STEADY } from "./pace";

export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; until: number; restarts: boolean } // ms since the epoch: the next try; restarts: the server said why
  | { state: "gone"; reason: string; next?: string }; // next: the page of what took its place

const LONGEST_WAIT = 10_000; // ms
const SOON = 2_000; // ms within which all come back to a server that restarts: a thousand may look on
const AWAY = 1001; // the close code of a server that ends; the session goes on in the next one
const ENDED = 4403; // that of a link that was ended
const GONE = 4404; // the close code of server/stream for a session that is no longer there

export class Stream {
  #seq: number | null = null;
  #tries = 0;
  #timer = 0;
  #socket: WebSocket | null = null;
  #over = false;
  #restarts = false;
  readonly #gathered = gather<Message>((all) => this.receive(all));

  constructor(
    private readonly api: string,
    private readonly receive: (messages: Message[]) => void,
    private readonly tell: (state: Connection) => void,
  ) {}

  start(): void {
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => document.hidden || this.#now());
    this.#connect();
  }

  #connect(): void {
    if (!this.#restarts) this.tell({ state: "connecting" }); // or else it would flicker
    const url = new URL(`${this.api}/stream`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.#seq !== null) url.searchParams.set("after", String(this.#seq));
    const socket = new WebSocket(url);
    this.#socket = socket;
    let opened = 0;
    socket.onopen = () => {
      opened = performance.now();
      this.#restarts = false;
      this.tell({ state: "live" });
    };
    socket.onmessage = (event) => {
      for (const line of String(event.data).split("\n")) {
        if (line && this.#socket === socket) this.#take(JSON.parse(line) as Message); // else the one before it ended the line
      }
    };
    socket.onclose = (event) => {
      if (this.#socket === socket) this.#socket = null;
      if (opened && performance.now() - opened > STEADY) this.#tries = 0;
      if (event.code === AWAY) this.#restarts = true;
      if (event.code === GONE) this.#end("The session was closed.");
      if (event.code === ENDED) this.#end("Sharing has ended.");
      if (!this.#over && !this.#socket) void this.#comeBack(!opened);
    };
  }

  #take(message: Message): void {
    if (message.type === "closed") {
      if (message.session) this.#end("It was started over.", message.session.url);
      else this.#end("The session was closed.");
    } else if (message.snapshot) {
      this.#gathered.forget();
    } else if (this.#seq !== null) {
      if (message.seq <= this.#seq) return; // told already, before the line broke
      if (message.seq > this.#seq + 1) {
        // Something is missing, and nobody said so: start from a fresh snapshot.
        this.#seq = null;
        this.#drop();
        void this.#comeBack(false);
        return;
      }
    }
    this.#seq = message.seq;
    this.#gathered.add(message);
  }

  // A refused websocket does not say why, so ask the session's address whether it is still there.
  async #comeBack(refused: boolean): Promise<void> {
    try {
      const answer = refused ? await fetch(this.api, { headers: { Accept: "application/json" } }) : null;
      if (answer?.status === 404 || answer?.status === 410) {
        this.#end("This session is gone: it was closed, or its time was up.");
        return;
      }
    } catch {
      // The server cannot be reached: go on trying.
    }
    if (this.#socket || this.#over) return; // come back meanwhile
    const wait = this.#restarts ? SOON * Math.random() : pause(LONGEST_WAIT, this.#tries++);
    this.tell({ state: "waiting", until: Date.now() + wait, restarts: this.#restarts });
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#connect(), wait);
  }

  #now(): void {
    if (this.#over || this.#socket) return;
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#connect();
  }

  // What still comes over the old line is of no more interest, nor is when it closes.
  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #end(reason: string, next?: string): void {
    this.#over = true;
    this.#drop();
    this.tell({ state: "gone", reason, next });
  }
}
