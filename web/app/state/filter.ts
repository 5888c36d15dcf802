// Which conversations are wanted. A filter is words with spaces between them:
//
//	pod:web-1          a pod was there: sent it, got it, or passed it on; pod:team-a/web-1 too
//	service:web        a rule of this Service decided       (short: svc)
//	policy:deny-all    a rule of this NetworkPolicy decided  (short: netpol)
//	node:node-2        it went through this node
//	from:, to:         who began it, whom it reached: a pod, a node, client, or an address
//	verdict:dropped    a packet of it was delivered, dropped, rejected, or is underway
//	protocol:udp       TCP, UDP, SCTP, ICMP, ARP; and DNS, HTTP, TLS, for what is inside (short: proto)
//	"GET /"            the text is in a packet's summary, messages, addresses, names or rules
//
// A star stands for anything: pod:web-*. Several words of one key: any of them. Of
// different keys: all of them, each by some packet of the conversation. A minus
// before a word: none of its packets. Upper and lower case are the same. What a
// proxy did for a conversation goes with it.
import type { Journey, Object as Ref } from "../model";
import type { Conversation } from "./conversation";

export const KEYS = ["pod", "service", "policy", "node", "from", "to", "verdict", "protocol"] as const;
export type Key = (typeof KEYS)[number] | "text";
const SHORT: Record<string, Key> = { svc: "service", netpol: "policy", networkpolicy: "policy", proto: "protocol" };
export const VERDICTS = ["delivered", "dropped", "rejected", "underway"];

export interface Term {
  key: Key;
  value: string;
  not: boolean;
}

/** The terms of a text; throws an Error that says what is wrong with it. */
export function parse(text: string): Term[] {
  return [...text.matchAll(/-?(?:[a-z]+:)?(?:"[^"]*"?|[^\s"]+)/gi)].map((m) => term(m[0]));
}

function term(word: string): Term {
  const m = /^(-?)(?:([a-z]+):)?"?([^"]*)"?$/i.exec(word)!;
  const name = m[2]?.toLowerCase() ?? "";
  const key = SHORT[name] ?? KEYS.find((k) => k === name);
  // An address has colons too, and its head is no key.
  if (!key) return { key: "text", value: name ? `${m[2]}:${m[3]}` : m[3]!, not: m[1] === "-" };
  const value = m[3]!;
  if (value === "") throw new Error(`${key}: needs a value`);
  if (key === "verdict" && !VERDICTS.some((v) => matches(value, v))) throw new Error("A verdict is delivered, dropped, rejected or underway");
  return { key, value, not: m[1] === "-" };
}

export function format(t: Term): string {
  const quoted = /[\s"]/.test(t.value) || t.value === "" ? `"${t.value}"` : t.value;
  return `${t.not ? "-" : ""}${t.key === "text" ? "" : `${t.key}:`}${quoted}`;
}

/** Those of all conversations that a filter lets through. */
export function select(all: readonly Conversation[], terms: readonly Term[]): Conversation[] {
  if (terms.length === 0) return [...all];
  const wanted = new Set<string>();
  const ids = new Set(all.map((c) => c.id));
  const rootOf = (c: Conversation) => (c.behalf !== undefined && ids.has(c.behalf) ? c.behalf : c.id);
  const parts = new Map<string, Journey[]>();
  for (const c of all) parts.set(rootOf(c), [...(parts.get(rootOf(c)) ?? []), ...c.journeys]);
  for (const [id, js] of parts) if (wants(js, terms)) wanted.add(id);
  return all.filter((c) => wanted.has(rootOf(c)));
}

/** Whether the packets of a conversation are wanted. */
export function wants(js: readonly Journey[], terms: readonly Term[]): boolean {
  const none = terms.filter((t) => t.not);
  if (none.some((t) => js.some((j) => hits(j, t)))) return false;
  const some = terms.filter((t) => !t.not);
  // Each text has to be there; of a key, one of its values.
  return some.every((t) => (t.key === "text" ? js.some((j) => hits(j, t)) : some.some((o) => o.key === t.key && js.some((j) => hits(j, o)))));
}

/** Whether one packet is what a term says, its minus aside. */
export function hits(j: Journey, t: Term): boolean {
  switch (t.key) {
    case "pod":
    case "node":
      return places(j).some((id) => isCalled(id, t.key, t.value));
    case "service":
      return objects(j).some((o) => o.kind === "Service" && isNamed(o, t.value));
    case "policy":
      return objects(j).some((o) => o.kind === "NetworkPolicy" && isNamed(o, t.value));
    case "from":
      return isEnd(j.reply ? j.to : j.from, j.reply ? j.destination : j.source, t.value);
    case "to":
      return isEnd(j.reply ? j.from : j.to, j.reply ? j.source : j.destination, t.value);
    case "verdict":
      return matches(t.value, j.verdict);
    case "protocol":
      return protocols(j).some((p) => matches(t.value, p));
    case "text":
      return text(j).includes(t.value.toLowerCase());
  }
}

function places(j: Journey): string[] {
  return [j.from, j.to, ...(j.hops ?? []).flatMap((h) => (h.place.peer ? [h.place.vertex, h.place.peer] : [h.place.vertex]))];
}

function objects(j: Journey): Ref[] {
  return (j.hops ?? []).flatMap((h) => (h.decision?.object ? [h.decision.object] : []));
}

/** What a packet may be called: ICMPv6 is ICMP too, and what is inside counts. */
export function protocols(j: Journey): string[] {
  const out = [j.protocol.toUpperCase()];
  if (/^ICMPv6$/i.test(j.protocol)) out.push("ICMP");
  for (const m of j.application ?? []) {
    out.push(m.protocol.toUpperCase());
    if (m.protocol === "HTTP/2") out.push("HTTP");
  }
  // A packet in the middle of a message has only its summary.
  if (/^DNS\b/.test(j.summary)) out.push("DNS");
  if (/^TLS\b/.test(j.summary)) out.push("TLS");
  if (/^([A-Z]{3,} (\/|\*)|[1-5]\d\d\b(?! bytes))/.test(j.summary)) out.push("HTTP");
  return [...new Set(out)];
}

// "pod/default/web-1" is called web-1 and default/web-1.
function isCalled(id: string, kind: string, value: string): boolean {
  const [k, ...rest] = id.split("/");
  return k === kind && (matches(value, rest.join("/")) || matches(value, rest.at(-1) ?? ""));
}

const isNamed = (o: Ref, value: string): boolean => matches(value, o.name) || matches(value, `${o.namespace ?? "default"}/${o.name}`);

function isEnd(id: string, address: string, value: string): boolean {
  const [, ...rest] = id.split("/");
  const host = address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return [id, rest.join("/"), rest.at(-1) ?? "", address, host].some((x) => x !== "" && matches(value, x));
}

const patterns = new Map<string, RegExp>();

function matches(pattern: string, text: string): boolean {
  if (!pattern.includes("*")) return pattern.toLowerCase() === text.toLowerCase();
  let re = patterns.get(pattern);
  if (!re) {
    re = new RegExp(`^${pattern.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&")).join(".*")}$`, "i");
    if (patterns.size > 100) patterns.clear();
    patterns.set(pattern, re);
  }
  return re.test(text);
}

function text(j: Journey): string {
  const rules = (j.hops ?? []).flatMap((h) => [h.decision?.rule, h.decision?.chain, h.decision?.object?.name]);
  const said = (j.application ?? []).flatMap((m) => [m.protocol, m.text]);
  return [j.protocol, j.summary, ...said, j.source, j.destination, j.from, j.to, j.verdict, ...rules].join(" ").toLowerCase();
}
