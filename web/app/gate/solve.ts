// The work that a public site asks for: a number that with the challenge's hash makes a hash of
// enough zero bits (server/gate). This module does it in a worker, which is this module, too.
import { sha256 } from "@noble/hashes/sha2.js";

/** What the worker says: how many numbers it tried, and the one that fits. */
interface Said {
  tried: number;
  found?: number;
}

/** How many numbers are tried between two words of the worker. */
const turn = 20_000;

const bitsOf = (challenge: string) => Number(challenge.split(".")[1]);

/** Does a challenge's work, and answers what the server wants to hear. Told is how likely it
 *  would be done by now. */
export function solve(challenge: string, told: (likely: number) => void = () => {}): Promise<string> {
  const expected = 2 ** bitsOf(challenge);
  return new Promise((done, failed) => {
    const worker = new Worker(import.meta.url, { type: "module" });
    worker.onmessage = (m: MessageEvent<Said>) => {
      told(1 - Math.exp(-m.data.tried / expected));
      if (m.data.found === undefined) return;
      worker.terminate();
      done(`${challenge}.${m.data.found}`);
    };
    worker.onerror = () => {
      worker.terminate();
      failed(new Error("This browser could not do the work."));
    };
    worker.postMessage(challenge);
  });
}

function work(challenge: string, say: (said: Said) => void): void {
  const bits = bitsOf(challenge);
  const block = new Uint8Array(40);
  block.set(sha256(new TextEncoder().encode(challenge)));
  const view = new DataView(block.buffer);
  for (let n = 0; ; n++) {
    view.setUint32(32, Math.floor(n / 2 ** 32));
    view.setUint32(36, n % 2 ** 32);
    const hash = sha256(block);
    const first = ((hash[0] ?? 0) << 24) | ((hash[1] ?? 0) << 16) | ((hash[2] ?? 0) << 8) | (hash[3] ?? 0);
    if (Math.clz32(first) >= bits) return say({ tried: n, found: n });
    if (n % turn === turn - 1) say({ tried: n });
  }
}

if (typeof document === "undefined") onmessage = (m: MessageEvent<string>) => work(m.data, (said) => postMessage(said));
