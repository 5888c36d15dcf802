// A websocket that tells all there is each time that it opens, and after that what changes:
// there is nothing to resume, so that coming back is connecting anew.
import { gather, pause, STEADY } from "../state/pace";

export type Line =
  | { state: "connecting" }
  | { state: "live" }
  | { state: "waiting"; until: number } // ms since the epoch: the next try
  | { state: "gone"; reason: string };

const LONGEST_WAIT = 10_000; // ms

export interface Options<T> {
  /** The path of what the line is about; below it is /stream. */
  path: string;
  /** All that came within a frame. The first of each line says everything. */
  take(messages: T[], first: boolean): void;
  tell(line: Line): void;
  /** What to say when it is there no longer. */
  gone: string;
}

/** Follows until the page is left, or until what it is about is gone. */
export function follow<T>(o: Options<T>): void {
  let tries = 0;
  let timer = 0;
  let socket: WebSocket | null = null;
  let over = false;
  let first = true;
  // Forty people say something at once: it is drawn once a frame.
  const gathered = gather<T>((all) => {
    o.take(all, first);
    first = false;
  });

  const connect = (): void => {
    o.tell({ state: "connecting" });
    const url = new URL(`${o.path}/stream`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const mine = (socket = new WebSocket(url));
    first = true;
    gathered.forget();
    let opened = 0;
    mine.onopen = () => {
      opened = performance.now();
      o.tell({ state: "live" });
    };
    mine.onmessage = (event) => {
      if (socket !== mine) return;
      for (const line of String(event.data).split("\n")) if (line) gathered.add(JSON.parse(line) as T);
    };
    mine.onclose = () => {
      if (socket !== mine) return;
      socket = null;
      if (opened && performance.now() - opened > STEADY) tries = 0;
      if (!over) void comeBack(!opened);
    };
  };

  // A refused websocket does not say why, so ask whether it is still there.
  const comeBack = async (refused: boolean): Promise<void> => {
    try {
      const answer = refused ? await fetch(o.path, { headers: { Accept: "application/json" } }) : null;
      if (answer?.status === 404 || answer?.status === 410) {
        over = true;
        return o.tell({ state: "gone", reason: o.gone });
      }
    } catch {
      // The server cannot be reached: go on trying.
    }
    if (socket) return; // come back meanwhile
    const wait = pause(LONGEST_WAIT, tries++);
    o.tell({ state: "waiting", until: Date.now() + wait });
    clearTimeout(timer);
    timer = window.setTimeout(connect, wait);
  };

  const now = (): void => {
    if (over || socket) return;
    clearTimeout(timer);
    tries = 0;
    connect();
  };
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => document.hidden || now());
  connect();
}
