// One terminal as it is seen: xterm.js on a line to the server.
import { effect, signal } from "@preact/signals-core";
import { FitAddon } from "@xterm/addon-fit";
import { type ISearchDecorationOptions, SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal as XTerm } from "@xterm/xterm";
import type { Terminal } from "../model";
import { copy } from "../state/copy";
import { data, looking } from "../state/data";
import { colors, dark } from "./colors";
import { keyHandler } from "./keys";
import { Line, type LineState } from "./line";
import { answerOnce } from "./answers";
import { current, nameOf, over, size, still } from "./list";
import { readAloud } from "./options";
import { found } from "./search";

const BEHIND = 4 << 20; // bytes that wait to be drawn, of more than that the newest are enough
const STARTS = 3000; // ms that a shell may take to its first prompt
const REPLAY = 400; // ms that a repaint takes
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const RESET = "\x1bc";
// A program that cannot tidy up any more may have left the mouse to itself, or keys and pastes as it wanted
// them (xterm's ctlseqs), or the other screen on: all of that ends, and what stood on this one stays.
const OTHER = "\x1b[?1049l";
const ABANDONED = "\x1b[?9;1000;1002;1003;1005;1006;1015;1004;2004;1l\x1b>\x1b[!p\r\n";

export class Screen {
  readonly element = document.createElement("div");
  readonly state = signal<{ state: LineState; code: number }>({ state: "connecting", code: 0 });
  /** Whether it shows another terminal than it did, and nobody has typed since. */
  readonly renewed = signal(false);
  readonly #term: XTerm;
  readonly #fit = new FitAddon();
  readonly search = new SearchAddon();
  #line: Line;
  readonly #resized = new ResizeObserver(() => this.fit());
  #behind = 0;
  #hungUp = false;
  #born = performance.now();
  #replays = 0; // until then, what is told was told before
  #prompted: (() => void)[] = [];
  #follow: () => void = () => undefined;

  constructor(
    public terminal: Terminal,
    parent: Element,
  ) {
    this.element.className = "terminal-screen";
    parent.append(this.element);
    this.#term = new XTerm({
      allowProposedApi: true, // search marks what it found
      cursorBlink: !calm.matches,
      cursorInactiveStyle: "outline",
      fontFamily: getComputedStyle(this.element).getPropertyValue("--mono"),
      fontSize: 13,
      lineHeight: 1.25,
      macOptionIsMeta: true,
      minimumContrastRatio: 4.5,
      rightClickSelectsWord: false,
      screenReaderMode: readAloud.peek(),
      scrollback: 5000,
      smoothScrollDuration: 0,
      theme: colors(this.element),
    });
    this.#term.loadAddon(this.#fit);
    this.#term.loadAddon(this.search);
    this.search.onDidChangeResults(({ resultIndex, resultCount }) => (found.value = { count: resultCount, at: resultIndex }));
    this.#term.loadAddon(new WebLinksAddon((_, uri) => window.open(uri, "_blank", "noopener,noreferrer")));
    this.#term.attachCustomKeyEventHandler(keyHandler(this));
    this.#term.open(this.element);
    this.#term.textarea?.setAttribute("aria-label", `Terminal, ${nameOf(terminal)}`);
    this.#term.parser.registerCsiHandler({ prefix: "?", final: "h" }, (modes) => {
      if (modes.includes(2004)) queueMicrotask(() => this.#prompted.splice(0).forEach((f) => f()));
      return false;
    });
    answerOnce(this.#term, () => Date.now() < this.#replays);
    this.#line = this.#dial(RESET);
    this.#term.onData((text) => this.#type(text));
    this.#term.onBinary((text) => this.#line.send(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    this.#term.onResize(({ cols, rows }) => looking || this.#line.size(cols, rows));
    this.#resized.observe(this.element);
    dark.addEventListener("change", this.#recolor);
    addEventListener("podhop-theme", this.#recolor);
    calm.addEventListener("change", this.#calm);
    // Who looks on has it as large as it is to who types, whatever room there is.
    if (looking) this.#follow = effect(() => void (size.value && this.#term.resize(size.value.columns, size.value.rows)));
    this.fit();
  }

  /** As many columns and rows as there is room for; none while it is not in sight. */
  fit(): void {
    if (looking) return;
    const room = this.element.clientWidth > 0 ? this.#fit.proposeDimensions() : undefined;
    if (!room || !(room.cols > 1 && room.rows > 1)) return;
    this.#term.resize(room.cols, room.rows);
    this.#line.size(room.cols, room.rows);
    if (current.peek()?.id === this.terminal.id) size.value = { columns: room.cols, rows: room.rows };
  }

  focus(): void {
    this.#term.focus();
  }

  /** Shows another terminal below what the one before has written. What was typed for that one is
   *  nobody's. */
  renew(t: Terminal): void {
    this.#line.close();
    this.terminal = t;
    this.renewed.value = true;
    this.#born = performance.now();
    this.#line = this.#dial((this.#term.buffer.active.type === "alternate" ? OTHER : "") + ABANDONED);
    this.#line.size(this.#term.cols, this.#term.rows);
  }

  /** It is lost, and there is no other. */
  giveUp(): void {
    this.#told("gone", 0);
  }

  // What comes first follows on what begin has done to the screen.
  #dial(begin: string): Line {
    return new Line(`${data!.api}/terminals/${encodeURIComponent(this.terminal.id)}`, () => still(this.terminal), {
      reset: () => {
        this.#replays = Date.now() + REPLAY;
        this.#term.write(begin); // in its turn, after what still waits to be drawn
        begin = RESET;
      },
      output: (bytes) => this.#output(bytes),
      state: (state, code) => this.#told(state, code),
    });
  }

  /** What is selected goes to the clipboard; false if nothing is. */
  copy(): boolean {
    const text = this.#term.getSelection();
    if (!text) return false;
    void copy(text);
    return true;
  }

  /** How what a search found is marked; xterm.js wants #RRGGBB. */
  marks(): ISearchDecorationOptions {
    const style = getComputedStyle(this.element);
    const [all, one] = [style.getPropertyValue("--terminal-found").trim(), style.getPropertyValue("--terminal-found-now").trim()];
    return { matchBackground: all, activeMatchBackground: one, matchOverviewRuler: all, activeMatchColorOverviewRuler: one };
  }

  readAloud(on: boolean): void {
    this.#term.options.screenReaderMode = on;
  }

  /** Types a command, after the prompt has come where a shell is just starting. */
  async run(text: string, interrupt: boolean): Promise<void> {
    if (interrupt) this.#type("\x03");
    const starting = !this.#term.modes.bracketedPasteMode && performance.now() - this.#born < STARTS;
    if (interrupt || starting) await this.#prompt();
    // A shell that takes pastes as such runs a text of many lines as one.
    const whole = this.#term.modes.bracketedPasteMode;
    const lines = text.replace(/\r\n?/g, "\n").replace(/\n+$/, "");
    this.#type(whole && lines.includes("\n") ? `\x1b[200~${lines}\x1b[201~\r` : `${lines.replaceAll("\n", "\r")}\r`);
    this.#term.scrollToBottom();
  }

  dispose(): void {
    this.#follow();
    this.#resized.disconnect();
    dark.removeEventListener("change", this.#recolor);
    removeEventListener("podhop-theme", this.#recolor);
    calm.removeEventListener("change", this.#calm);
    this.#line.close();
    this.#term.dispose();
    this.element.remove();
  }

  #type(text: string): void {
    this.#replays = 0; // somebody is here
    this.renewed.value = false;
    this.#line.type(text);
  }

  // bash says at each prompt that it takes pastes. A shell that does not is given a moment.
  #prompt(): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, STARTS);
      this.#prompted.push(() => {
        clearTimeout(timer);
        done();
      });
    });
  }

  // Who is too far behind hangs up, draws what is there, and comes back for what is new.
  #output(bytes: Uint8Array): void {
    this.#behind += bytes.length;
    if (this.#behind > BEHIND) {
      this.#hungUp = true;
      this.#line.drop();
    }
    this.#term.write(bytes, () => {
      this.#behind -= bytes.length;
      if (this.#behind > 0 || !this.#hungUp) return;
      this.#hungUp = false;
      this.#line.connect();
    });
  }

  #told(state: LineState, code: number): void {
    this.state.value = { state, code };
    this.#term.options.disableStdin = looking || state === "ended" || state === "gone" || state === "lost";
    if (state === "ended") over(this.terminal.id, code);
  }

  #recolor = (): void => {
    this.#term.options.theme = colors(this.element);
  };

  #calm = (): void => {
    this.#term.options.cursorBlink = !calm.matches;
  };
}
