// Reads YAML by its indentation, for as much of it as can be read: where the cursor is,
// and what stands around it. A text is half-typed most of the time, when a parser gives up.
import { scanFlow } from "./flow";

export type Path = readonly (string | number)[];

/** A key of a mapping, or an item of a list. */
export interface Entry {
  path: Path;
  from: number; // of the key, or of the item's dash
  to: number;
  value: string; // a scalar on the same line, without quotes; empty if there is none
  valueFrom: number;
  valueTo: number;
}

export interface Doc {
  from: number;
  to: number;
  entries: Entry[];
}

export interface Place {
  doc: Doc;
  /** Of the mapping that a key is typed in; of the value, where one is typed. */
  path: Path;
  /** What is typed: a word may become a key or a value, the schema knows. */
  at: "word" | "key" | "value" | "none";
  from: number; // where what is typed begins
  typed: string; // up to the cursor
  /** Column of what is typed. */
  column: number;
  /** Whether it stands in { } or [ ]. */
  flow: boolean;
  /** Whether it stands in quotes. */
  quoted: boolean;
  /** Keys that the mapping has besides. */
  siblings: ReadonlySet<string>;
}

interface Frame {
  column: number;
  key: string | number;
  scalar: boolean; // it has its value: nothing hangs below it
}

const KEY = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s"'#{}[\],&*!|>%@`:](?:[^\n#]|(?<=\S)#)*?))[ \t]*:(?=\s|$)/;
const BLOCK = /^[|>][-+0-9]*[ \t]*(?:#.*)?$/;
const PROPERTY = /^(?:[&!][^\s,[\]{}]*(?:[ \t]+|$))+/; // anchors and tags

/** Where pos is in text. */
export function placeAt(text: string, pos: number): Place {
  const [from, to] = bounds(text, pos);
  const reader = new Reader(text, from, to);
  const found = reader.run(pos);
  const doc = { from, to, entries: reader.entries };
  const siblings = new Set(doc.entries.filter((e) => e.path.length === found.path.length + 1 && e.from !== found.from && typeof e.path.at(-1) === "string" && begins(e.path, found.path)).map((e) => String(e.path.at(-1))));
  return { doc, siblings, quoted: found.from > 0 && /["']/.test(text[found.from - 1]!), ...found };
}

/** The entry whose key pos is on. */
export function entryAt(text: string, pos: number): { doc: Doc; entry: Entry } | undefined {
  const [from, to] = bounds(text, pos);
  const reader = new Reader(text, from, to);
  reader.run(-1);
  const entry = reader.entries.find((e) => typeof e.path.at(-1) === "string" && e.from <= pos && pos <= e.to);
  return entry && { doc: { from, to, entries: reader.entries }, entry };
}

/** The value at a path, if it is a scalar; undefined if nothing is there. */
export function valueAt(doc: Doc, path: Path): string | undefined {
  return find(doc, path)?.value;
}

export function find(doc: Doc, path: Path): Entry | undefined {
  return doc.entries.find((e) => e.path.length === path.length && begins(e.path, path));
}

export function begins(path: Path, start: Path): boolean {
  return start.length <= path.length && start.every((x, i) => path[i] === x);
}

/** The path of the object that path is in: an item of a List is an object of its own. */
export function objectOf(doc: Doc, path: Path): Path {
  const item = path.slice(0, 2);
  return path[0] === "items" && typeof path[1] === "number" && (valueAt(doc, ["kind"]) ?? "List").endsWith("List") ? item : [];
}

export function written(path: Path): string {
  return path.map((x, i) => (typeof x === "number" ? `[${x}]` : /[./]/.test(x) ? `[${x}]` : i ? `.${x}` : x)).join("");
}

// The document that pos is in, without its markers.
function bounds(text: string, pos: number): [number, number] {
  let from = 0;
  let to = text.length;
  for (const m of text.matchAll(/^(?:---|\.\.\.)(?=\s|$).*$/gm)) {
    if (m.index + m[0].length < pos) from = m.index + m[0].length + 1;
    else {
      to = m.index;
      break;
    }
  }
  return [Math.min(from, to), to];
}

type Found = Omit<Place, "doc" | "siblings" | "quoted">;

class Reader {
  readonly entries: Entry[] = [];
  #stack: Frame[] = [];
  #block = -1; // column of what a block scalar belongs to
  #flowEnd = 0; // lines before it were read with a flow collection

  constructor(
    private readonly text: string,
    private readonly from: number,
    private readonly to: number,
  ) {}

  /** Reads the document, and says where pos is. */
  run(pos: number): Found {
    let found: Found = { path: [], at: "none", from: pos, typed: "", column: 0, flow: false };
    const later = (f: Found) => (found = f);
    for (let at = this.from; at <= this.to; ) {
      let end = this.text.indexOf("\n", at);
      if (end < 0 || end > this.to) end = this.to;
      const here = at <= pos && pos <= end;
      const line = this.text.slice(at, end).replace(/\r$/, "");
      if (at >= this.#flowEnd) {
        if (here) found = new Cursor(this.#stack, this.#block).place(line.slice(0, pos - at), at) ?? found;
        this.#line(line, at, pos, later);
      }
      at = end + 1;
    }
    return found;
  }

  #line(line: string, at: number, pos: number, later: (f: Found) => void): void {
    const indent = line.search(/\S/);
    if (indent < 0) return;
    if (this.#block !== NO_BLOCK) {
      if (indent > this.#block) return;
      this.#block = NO_BLOCK;
    }
    if (line[indent] === "#" || line[indent] === "%") return;
    let column = indent;
    let rest = line.slice(column);
    let last: Entry | null = null;
    for (let m; (m = /^-(?:[ \t]+|$)/.exec(rest)); rest = line.slice(column)) {
      pushItem(this.#stack, column);
      last = { path: pathOf(this.#stack), from: at + column, to: at + column + 1, value: "", valueFrom: at + column + m[0].length, valueTo: at + column + m[0].length };
      this.entries.push(last);
      column += m[0].length;
    }
    if (rest === "") return;
    const key = KEY.exec(rest);
    let owner = this.#stack.at(-1)?.column ?? -1;
    if (key) {
      pushKey(this.#stack, column, nameOf(key));
      owner = column;
      const colon = column + key[0].length;
      const gap = /^[ \t]*/.exec(line.slice(colon))![0].length;
      last = { path: pathOf(this.#stack), from: at + column, to: at + column + key[0].replace(/[ \t]*:$/, "").length, value: "", valueFrom: at + colon + gap, valueTo: at + colon + gap };
      this.entries.push(last);
      column = colon + gap;
      rest = line.slice(column);
    } else if (!last) {
      // A word of its own: half of a key, or a scalar, or the root in braces.
      if (!/^[{[]/.test(rest)) return;
    }
    const properties = PROPERTY.exec(rest)?.[0].length ?? 0;
    column += properties;
    rest = rest.slice(properties);
    const top = this.#stack.at(-1);
    if (/^[{[]/.test(rest)) {
      if (top) top.scalar = true;
      const flow = scanFlow(this.text, at + column, this.to, owner, pathOf(this.#stack), pos);
      this.entries.push(...flow.entries);
      this.#flowEnd = flow.end;
      if (flow.place) later({ ...flow.place, flow: true, column: flow.place.from - this.text.lastIndexOf("\n", flow.place.from - 1) - 1 });
      return;
    }
    if (BLOCK.test(rest)) {
      if (top) top.scalar = true;
      this.#block = owner < 0 ? ROOT_BLOCK : owner;
      return;
    }
    const value = scalar(rest);
    if (value.raw === "" || !last) return;
    if (top) top.scalar = true;
    last.value = value.text;
    last.valueFrom = at + column;
    last.valueTo = at + column + value.raw.length;
  }
}

const NO_BLOCK = -1;
const ROOT_BLOCK = -2;

// Looks at the part of a line that is before the cursor.
class Cursor {
  readonly #stack: Frame[];

  constructor(
    stack: readonly Frame[],
    private readonly block: number,
  ) {
    this.#stack = stack.map((f) => ({ ...f }));
  }

  place(before: string, at: number): Found | undefined {
    const indent = before.search(/\S/);
    let column = indent < 0 ? before.length : indent;
    if (this.block !== NO_BLOCK && column > this.block) return undefined;
    let rest = before.slice(column);
    if (/^#|^%/.test(rest) || (/[ \t]#/.test(rest) && !/["']/.test(rest))) return undefined;
    for (let m; (m = /^-[ \t]+/.exec(rest)); rest = before.slice(column)) {
      pushItem(this.#stack, column);
      column += m[0].length;
    }
    if (rest === "-") return undefined;
    const found = (found: Partial<Found>): Found => ({ path: pathOf(this.#stack), at: "word", from: at + column, typed: rest, column, flow: false, ...found });
    const key = KEY.exec(rest);
    if (key) {
      const written = rest.slice(key[0].length);
      if (written === "") return undefined; // right behind the colon
      pushKey(this.#stack, column, nameOf(key));
      let value = written.trimStart();
      value = value.slice(PROPERTY.exec(value)?.[0].length ?? 0);
      if (/^[|>{[&*!]/.test(value)) return undefined;
      const quoted = /^["']/.test(value);
      if (quoted && value.slice(1).includes(value[0]!)) return undefined;
      if (!quoted && /\s$/.test(value)) return undefined;
      const typed = quoted ? value.slice(1) : value;
      const from = at + before.length - typed.length;
      return found({ path: pathOf(this.#stack), at: "value", from, typed, column: from - at });
    }
    if (/[\s:"'{}[\],&*!|>]/.test(rest)) return undefined; // text, or flow, or a key that is quoted
    while (this.#stack.length > 0 && this.#stack.at(-1)!.column >= column) this.#stack.pop();
    if (this.#stack.at(-1)?.scalar) return undefined; // goes on with a scalar
    return found({ path: pathOf(this.#stack) });
  }
}

function pushKey(stack: Frame[], column: number, key: string): void {
  while (stack.length > 0 && stack.at(-1)!.column >= column) stack.pop();
  const above = stack.at(-1);
  if (above) above.scalar = false;
  stack.push({ column, key, scalar: false });
}

// A list may stand at the column of its key.
function pushItem(stack: Frame[], column: number): void {
  let index = 0;
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    if (top.column > column) stack.pop();
    else if (top.column === column && typeof top.key === "number") {
      index = top.key + 1;
      stack.pop();
      break;
    } else break;
  }
  stack.push({ column, key: index, scalar: false });
}

const pathOf = (stack: readonly Frame[]): Path => stack.map((f) => f.key);

const nameOf = (m: RegExpExecArray): string => m[1]?.replace(/\\(.)/g, "$1") ?? m[2]?.replace(/''/g, "'") ?? m[3]!;

/** A scalar as it is written, without a comment behind it, and as it is meant. */
export function scalar(rest: string): { raw: string; text: string } {
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'((?:[^']|'')*)'/.exec(rest);
  if (quoted) return { raw: quoted[0], text: quoted[1]?.replace(/\\(.)/g, "$1") ?? quoted[2]!.replace(/''/g, "'") };
  const raw = rest.replace(/(?:^|[ \t]+)#.*$/, "").trimEnd();
  return { raw, text: raw };
}
