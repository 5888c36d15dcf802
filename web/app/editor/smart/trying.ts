// Has the API try the text by dry run as it is typed, and marks what it says.
import { forEachDiagnostic, setDiagnostics } from "@codemirror/lint";
import { type Extension } from "@codemirror/state";
import { EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import { announce } from "../../state/announce";
import { dryRun } from "../../state/api";
import { looking } from "../../state/data";
import type { ApplyResult } from "../../model";
import { marksOf } from "../marks";
import { keepSaid } from "../said";
import { applied, tried } from "../text";

const DELAY = 600; // milliseconds after the last key
const RETRY = 2_000;
const LARGEST = 1 << 20; // characters: more is tried when it is applied

class Trying {
  #timer = 0;
  #asking: AbortController | null = null;
  #said = "";

  constructor(private readonly view: EditorView) {
    document.addEventListener("visibilitychange", this.#seen);
    this.#schedule(DELAY);
  }

  update(u: ViewUpdate): void {
    if (!u.docChanged) return;
    tried.value = null;
    this.#schedule(DELAY);
  }

  destroy(): void {
    document.removeEventListener("visibilitychange", this.#seen);
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  }

  #seen = (): void => {
    if (document.visibilityState === "visible" && tried.peek() === null) this.#schedule(DELAY);
  };

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#try(), delay);
  }

  // One question at a time: what was typed meanwhile is asked after the answer.
  async #try(): Promise<void> {
    if (looking || this.#asking || document.visibilityState !== "visible") return;
    const { doc } = this.view.state;
    if (doc.length > LARGEST) return;
    const text = doc.toString();
    if (text.replace(/#.*$/gm, "").replace(/[\s.-]/g, "") === "") return this.#show([]); // there is nothing to try
    const asking = new AbortController();
    this.#asking = asking;
    let results: ApplyResult[] | null = null;
    try {
      results = await dryRun(text, false, asking.signal);
    } catch {
      // Busy, or out of reach: the text is tried again when it changes, or a little later.
    }
    if (this.#asking !== asking) return; // the view is gone
    this.#asking = null;
    if (this.view.state.doc !== doc) this.#schedule(0);
    else if (results) this.#show(results);
    else this.#schedule(RETRY * 5);
  }

  #show(results: ApplyResult[]): void {
    const { state } = this.view;
    const a = applied.peek();
    // What was just applied has its own answer.
    if (!(a.kind === "results" && !a.stale)) {
      const found = marksOf(results, state);
      this.view.dispatch(setDiagnostics(state, found), { effects: keepSaid.of(found) });
    }
    const count = { errors: 0, warnings: 0, unchecked: results.filter((r) => r.note).length };
    forEachDiagnostic(this.view.state, (d) => {
      if (d.severity === "error") count.errors++;
      if (d.severity === "warning") count.warnings++;
    });
    tried.value = results.length === 0 ? null : count;
    const said = count.errors + count.warnings > 0 ? `${count.errors} errors, ${count.warnings} warnings` : "";
    if (said !== this.#said) announce(said || "No errors");
    this.#said = said;
  }
}

export function trying(): Extension {
  return ViewPlugin.fromClass(Trying);
}
