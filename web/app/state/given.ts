// Manifests that a link or a file brings into a playground. In a link they are in the
// fragment, which browsers send to nobody: "#m=" and what pack made of the text, or "#text=" and
// the text itself, for who writes such links by hand; "&name=" is the file's.
import { at } from "./base";
import { forTab } from "./keep";

export interface Given {
  name: string;
  text: string;
}

/** What is wrong with a link or a file, in words for who opened it. */
export class BadGift extends Error {}

export const LARGEST = 3 << 20; // bytes of text: the server's bound of a paste
const LONGEST_LINK = 1 << 20; // characters

/** What a link's fragment gives; null if it gives nothing. Fails with a BadGift. */
export async function fromFragment(hash: string): Promise<Given | null> {
  const query = new URLSearchParams(hash.replace(/^#/, ""));
  const packed = query.get("m"), plain = query.get("text");
  if (packed === null && plain === null) return null;
  if (hash.length > LONGEST_LINK) throw new BadGift("This link is longer than any that is made here.");
  return checked({ name: query.get("name") ?? "manifests.yaml", text: plain ?? (await unpack(packed!)) });
}

/** What a file gives. Fails with a BadGift. */
export async function fromFile(file: File): Promise<Given> {
  if (file.size > LARGEST) throw new BadGift(`${file.name} is larger than a paste may be (3 MiB).`);
  return checked({ name: file.name, text: decode(await file.arrayBuffer(), `${file.name} is not text.`) });
}

function checked(g: Given): Given {
  if (g.text.trim() === "") throw new BadGift("There are no manifests in it.");
  if (g.text.includes("\0")) throw new BadGift(`${g.name} is not text.`);
  return { name: g.name.replace(/[/\\\p{Cc}]/gu, "").slice(0, 100) || "manifests.yaml", text: g.text };
}

/** A link that opens a playground with a text, which may be shared. */
export async function linkTo(g: Given): Promise<string> {
  const zipped = new Blob([g.text]).stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(zipped).arrayBuffer());
  let raw = "";
  for (const b of bytes) raw += String.fromCharCode(b);
  const packed = btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const url = new URL(at("/playground"), location.href);
  url.hash = `m=${packed}${g.name === "manifests.yaml" ? "" : `&name=${encodeURIComponent(g.name)}`}`;
  return url.href;
}

async function unpack(packed: string): Promise<string> {
  const damaged = "This link is damaged: part of it may be missing.";
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Uint8Array.from(atob(packed.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  } catch {
    throw new BadGift(damaged);
  }
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read().catch(() => {
      throw new BadGift(damaged);
    });
    if (done) break;
    if ((size += value.length) > LARGEST) {
      void reader.cancel();
      throw new BadGift("This link unpacks to more than a paste may be (3 MiB).");
    }
    parts.push(value);
  }
  return decode(await new Blob(parts).arrayBuffer(), damaged);
}

function decode(bytes: ArrayBuffer, otherwise: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BadGift(otherwise);
  }
}

const key = "podhop.given";

/** Leaves it for the page that this tab opens next. */
export function leave(g: Given): void {
  forTab.set(key, JSON.stringify(g));
}

/** Takes what was left, once. */
export function take(): Given | null {
  const text = forTab.get(key);
  if (!text) return null;
  forTab.set(key, "");
  try {
    const g = JSON.parse(text) as Given;
    return typeof g.text === "string" && typeof g.name === "string" ? g : null;
  } catch {
    return null;
  }
}
