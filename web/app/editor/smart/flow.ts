// Reads what stands in { } and [ ], which JSON is too, up to its end or to where it
// cannot go on.
import { type Entry, type Path, type Place, scalar } from "./place";

interface Level {
  map: boolean;
  key: string | number | undefined; // undefined: a key is to come
}

export interface Flow {
  entries: Entry[];
  end: number;
  place?: Pick<Place, "path" | "at" | "from" | "typed">;
}

/** Reads from start, a bracket, to at most to; owner is the column of what it belongs to. */
export function scanFlow(text: string, start: number, to: number, owner: number, base: Path, pos: number): Flow {
  const levels: Level[] = [];
  const entries: Entry[] = [];
  let place: Flow["place"];
  let word = start; // where it begins, or -1
  let last: Entry | null = null;
  const path = (): Path => [...base, ...levels.flatMap((l) => (l.key === undefined ? [] : [l.key]))];
  const at = (i: number, from: number) => {
    const level = levels.at(-1);
    if (i !== pos || !level) return;
    place = { path: path(), at: level.map && level.key === undefined ? "key" : level.map ? "value" : "word", from, typed: text.slice(from, pos) };
  };
  const finish = (i: number) => {
    if (!last || word < 0) return;
    const value = scalar(text.slice(word, i).trim());
    last.value = value.text;
    last.valueFrom = word;
    last.valueTo = word + value.raw.length;
  };
  let i = start;
  for (; i < to; i++) {
    const c = text[i]!;
    at(i, word >= 0 && word < i && levels.length > 0 ? word : i);
    if (c === "{" || c === "[") {
      levels.push({ map: c === "{", key: c === "{" ? undefined : 0 });
      word = -1;
      last = null;
    } else if (c === "}" || c === "]") {
      finish(i);
      levels.pop();
      word = -1;
      last = null;
      if (levels.length === 0) return { entries, end: i + 1, place };
    } else if (c === ",") {
      finish(i);
      const level = levels.at(-1)!;
      if (level.map) level.key = undefined;
      else level.key = Number(level.key) + 1;
      word = -1;
      last = null;
    } else if (c === '"' || c === "'") {
      const begin = i;
      if (word < 0) word = i;
      for (i++; i < to && text[i] !== c && text[i] !== "\n"; i++) {
        at(i, begin + 1);
        if (text[i] === "\\" && c === '"') i++;
      }
      at(i, begin + 1);
    } else if (c === ":" && levels.at(-1)!.map && levels.at(-1)!.key === undefined && word >= 0 && (/[\s,{}[\]]/.test(text[i + 1] ?? " ") || /["']/.test(text[i - 1]!))) {
      const key = scalar(text.slice(word, i).trim());
      levels.at(-1)!.key = key.text;
      last = { path: path(), from: word, to: word + key.raw.length, value: "", valueFrom: i + 1, valueTo: i + 1 };
      entries.push(last);
      word = -1;
    } else if (c === "#" && /\s/.test(text[i - 1] ?? " ")) {
      while (i + 1 < to && text[i + 1] !== "\n") i++;
    } else if (c === "\n") {
      // A line that stands as far out as the owner is not part of it any more: the end was forgotten.
      const next = /\n[ \t]*(\S)?/y;
      next.lastIndex = i;
      const m = next.exec(text);
      if (m?.[1] !== undefined && owner >= 0 && m[0].length - 2 <= owner && !/[}\]]/.test(m[1])) break;
    } else if (!/\s/.test(c) && word < 0) word = i;
  }
  at(i, word >= 0 && word < i ? word : i);
  return { entries, end: i, place };
}
