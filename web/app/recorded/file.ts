// A recording's file, from bytes that anybody may have written: unpacked within
// bounds, and checked against the shapes of the wire types before it is shown.
import type { Recording } from "../model";
import { shapes } from "./shapes";

/** What is wrong with a file, in words for who opened it. */
export class BadFile extends Error {}

const VERSION = 1;
// As engine/recording has them.
const LARGEST = 8 << 20; // bytes of the file
const LONGEST = 32 << 20; // bytes of its text
const MOST_OBJECTS = 200_000;
const MOST_VALUES = 1_000_000;
const DEEPEST = 24;
const MOST_MOMENTS = 20_000;
const WEEK = 7 * 24 * 3600 * 1e9; // ns

/** Reads a recording; fails with a BadFile. */
export async function read(file: Blob): Promise<Recording> {
  if (file.size > LARGEST) throw new BadFile("This file is larger than any recording.");
  const text = await unpack(file);
  weigh(text);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(text));
  } catch {
    throw new BadFile("This file is not a recording of Podhop, or it is damaged.");
  }
  return check(value);
}

async function unpack(file: Blob): Promise<Uint8Array> {
  const magic = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) throw new BadFile("This file is not a recording of Podhop.");
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > LONGEST) {
        void reader.cancel();
        break;
      }
      parts.push(value);
    }
  } catch {
    throw new BadFile("This file is damaged, or was cut off.");
  }
  if (size > LONGEST) throw new BadFile("This file unpacks to more than any recording has in it.");
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

// Bounds what the text may become in memory, before it does.
function weigh(text: Uint8Array): void {
  let [objects, values, depth] = [0, 0, 0];
  let [quoted, escaped] = [false, false];
  for (const c of text) {
    if (quoted) {
      if (escaped) escaped = false;
      else if (c === 0x5c) escaped = true;
      else if (c === 0x22) quoted = false;
      continue;
    }
    if (c === 0x22) quoted = true;
    else if (c === 0x2c) values++;
    else if (c === 0x7b || c === 0x5b) {
      objects++;
      depth++;
    } else if (c === 0x7d || c === 0x5d) depth--;
    if (depth > DEEPEST || objects > MOST_OBJECTS || values > MOST_VALUES) throw new BadFile("This file has more in it than any recording.");
  }
}

function check(value: unknown): Recording {
  const r = value as Recording;
  if (typeof value !== "object" || value === null || r.podhop !== "recording") throw new BadFile("This file is not a recording of Podhop.");
  if (r.version !== VERSION) throw new BadFile(`This recording is of version ${String(r.version).slice(0, 20)}; this page shows version ${VERSION}.`);
  const wrong = misfit(value, "Recording");
  if (wrong) throw new BadFile(`This recording is damaged: ${wrong}.`);
  if (r.from < 0 || r.to < r.from || r.to - r.from > WEEK) throw new BadFile("This recording is damaged: it does not say when it was.");
  const moments = r.moments ?? [];
  if (moments.length > MOST_MOMENTS) throw new BadFile("This file has more in it than any recording.");
  let last = r.from;
  for (const m of moments) {
    if (m.time < last || m.time > r.to) throw new BadFile("This recording is damaged: its moments are not in order.");
    last = m.time;
  }
  return r;
}

/**
 * Why a value is not of a shape; empty if it is. Fields that are not known do no harm,
 * and those that are missing are nothing, as where the file was written: files outlast
 * the program that wrote them.
 */
function misfit(value: unknown, shape: string, at = ""): string {
  if (shape.endsWith("?")) return value === undefined || value === null ? "" : misfit(value, shape.slice(0, -1), at);
  if (shape.endsWith("[]")) {
    if (value === null) return ""; // how Go writes a list of nothing
    if (!Array.isArray(value)) return `${at} is not a list`;
    return first(value, (x) => misfit(x, shape.slice(0, -2), at));
  }
  if (shape.endsWith("{}")) {
    if (!isObject(value)) return `${at} is not an object`;
    return first(Object.values(value), (x) => misfit(x, shape.slice(0, -2), at));
  }
  const fields = shapes[shape];
  if (!fields) return typeof value === shape && (shape !== "number" || Number.isFinite(value)) ? "" : `${at} is not a ${shape}`;
  if (!isObject(value)) return `${at} is not an object`;
  return first(Object.entries(fields), ([name, of]) => {
    if (!Object.hasOwn(value, name)) value[name] = nothing(of);
    return misfit(value[name], of, at ? `${at}.${name}` : name);
  });
}

function nothing(shape: string): unknown {
  if (shape.endsWith("?")) return undefined;
  if (shape.endsWith("[]")) return [];
  return shape === "string" ? "" : shape === "number" ? 0 : shape === "boolean" ? false : {};
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function first<T>(all: readonly T[], why: (x: T) => string): string {
  for (const x of all) {
    const text = why(x);
    if (text) return text;
  }
  return "";
}
