// A list of the API that is kept as it is there: listed, then watched from that version
// on. A watch that ends goes on where it was; one that the API has forgotten (410 Gone)
// begins anew with a list. What cannot be watched is listed again and again.
import { kube, kubeJSON, Refusal } from "../state/kubernetes";
import { connection } from "../state/store";

export interface Listed {
  metadata?: { resourceVersion?: string; continue?: string };
}

export interface Told<O> {
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: O;
}

export interface Followed<L extends Listed, O> {
  path: string;
  query?: Record<string, string>; // selectors
  accept?: string;
  watchable: boolean;
  /** A page of the list; the first one replaces all that was known. */
  list(page: L, first: boolean): void;
  /** What changed, in order, as many at once as have come. */
  change(told: Told<O>[]): void;
  /** What is wrong, or "" when nothing is. */
  say(trouble: string): void;
}

const PAGE = "500"; // objects of one answer, as of kubectl
const PERIOD = 300; // seconds that a watch lasts before it is asked for again
const AGAIN = 5_000; // ms between lists of what cannot be watched
const LONGEST_WAIT = 10_000;

/** Follows until it is told to stop. One at a time is open for each call. */
export function follow<L extends Listed, O extends Listed>(f: Followed<L, O>): () => void {
  const stop = new AbortController();
  void run(f, stop.signal);
  return () => stop.abort();
}

async function run<L extends Listed, O extends Listed>(f: Followed<L, O>, signal: AbortSignal): Promise<void> {
  let version = "";
  let wait = 0;
  while (!signal.aborted) {
    try {
      if (version === "") {
        version = await list(f, signal);
        f.say("");
      }
      if (f.watchable) {
        const began = Date.now();
        version = await watch(f, version, signal);
        f.say("");
        wait = Date.now() - began < 1000 ? 1000 : 0; // something ends them at once
      } else {
        version = "";
        wait = AGAIN;
      }
    } catch (e) {
      if (signal.aborted) return;
      if (e instanceof Refusal && e.code === 410 && version !== "") {
        version = "";
        wait = 0;
      } else {
        if (e instanceof Refusal && e.code < 500 && e.code !== 429) version = ""; // forbidden, or no such kind any more
        f.say(e instanceof Error ? e.message : String(e));
        wait = Math.min(LONGEST_WAIT, Math.max(1000, wait * 2));
      }
    }
    if (connection.peek().state === "gone") return; // so is the session
    await pause(wait, signal);
  }
}

async function list<L extends Listed, O>(f: Followed<L, O>, signal: AbortSignal): Promise<string> {
  let next = "";
  let version = "";
  do {
    const query = new URLSearchParams({ ...f.query, limit: PAGE, ...(next ? { continue: next } : {}) });
    const page: L = await kubeJSON<L>(`${f.path}?${query}`, { accept: f.accept, signal });
    if (signal.aborted) return version;
    f.list(page, next === "");
    next = page.metadata?.continue ?? "";
    version = page.metadata?.resourceVersion ?? version;
  } while (next);
  return version;
}

// Reads a stream of JSON values, one a line, until it ends; returns the version to go on from.
async function watch<L extends Listed, O extends Listed>(f: Followed<L, O>, from: string, signal: AbortSignal): Promise<string> {
  let version = from;
  const query = new URLSearchParams({ ...f.query, watch: "1", allowWatchBookmarks: "true", timeoutSeconds: String(PERIOD), resourceVersion: from });
  const answer = await kube(`${f.path}?${query}`, { accept: f.accept, signal });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest: string[] = []; // of a line that has not come whole
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      if (signal.aborted) throw cause;
      return { done: true as const, value: undefined }; // cut off: it goes on from the last version
    });
    if (done) return version;
    const lines = value.split("\n");
    rest.push(lines[0]!);
    if (lines.length === 1) continue;
    const told: Told<O>[] = [];
    for (const line of [rest.join(""), ...lines.slice(1, -1)]) {
      if (line.trim() === "") continue;
      const e = JSON.parse(line) as { type: string; object: O & { code?: number; message?: string } };
      if (e.type === "ERROR") throw new Refusal(e.object.message ?? "The watch failed", e.object.code ?? 500);
      version = e.object.metadata?.resourceVersion || version;
      if (e.type !== "BOOKMARK") told.push(e as Told<O>);
    }
    rest = [lines.at(-1)!];
    if (told.length > 0 && !signal.aborted) f.change(told);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
