// What the browser keeps over reloads. A browser may refuse to keep anything:
// then it is kept on this page alone.

function pick(kind: "localStorage" | "sessionStorage"): Storage | null {
  try {
    return window[kind];
  } catch {
    return null;
  }
}

class Keep {
  readonly #storage: Storage | null;

  constructor(kind: "localStorage" | "sessionStorage") {
    this.#storage = pick(kind);
  }

  get(key: string): string | null {
    try {
      return this.#storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  /** Everything whose key begins so, by the rest of its key. */
  all(prefix: string): [string, string][] {
    try {
      return Object.entries(this.#storage ?? {}).flatMap(([k, v]) => (k.startsWith(prefix) ? [[k.slice(prefix.length), String(v)] as [string, string]] : []));
    } catch {
      return [];
    }
  }

  set(key: string, value: string): void {
    try {
      this.#storage?.setItem(key, value);
    } catch {
      // No room, or not allowed.
    }
  }

  /** Keeps for one session what is kept for another, whose ID ends the keys; without what some prefixes begin. */
  copy(from: string, to: string, without: readonly string[] = []): void {
    try {
      for (const key of Object.keys(this.#storage ?? {})) {
        if (!key.startsWith("podhop.") || !key.endsWith(`.${from}`) || without.some((x) => key.startsWith(x))) continue;
        this.set(key.slice(0, -from.length) + to, this.get(key) ?? "");
      }
    } catch {
      // Not allowed.
    }
  }
}

/** Kept until the tab is closed. */
export const forTab = new Keep("sessionStorage");
/** Kept until it is cleared. */
export const forLong = new Keep("localStorage");
