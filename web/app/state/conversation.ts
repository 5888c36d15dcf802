// Journeys of one connection, told as one story: who asked whom, through which
// Service, and how it ended.
import type { Hop, Journey, Object as Ref } from "../model";
import { type Exchange, exchangesOf, isError } from "./exchanges";
import { nameOf } from "./text";

export type Outcome = "answered" | "refused" | "dropped" | "unanswered" | "underway";

export interface Conversation {
  id: string;
  journeys: Journey[]; // in order of time
  from: string; // vertex ID, or the address if that is not known
  to: string;
  via?: Ref; // the Service that was asked for
  behalf?: string; // the conversation that a proxy made this one for
  dns: boolean;
  endpoint?: number;
  endpoints?: number;
  outcome: Outcome;
  request: string; // "GET /"
  response: string; // "200 OK"
  exchanges: Exchange[]; // all that was asked and answered
  start: number; // ns since the epoch
  duration: number; // ns
}

/** Whether somebody's rule decided at this hop: plain routing is no news. */
export function isDecided(h: Hop): boolean {
  return h.decision !== undefined && h.decision.kind !== "route";
}

/**
 * Conversations groups journeys, newest conversation first; what a proxy made for
 * one follows it. A conversation to which nothing was added stays the same object.
 */
export class Conversations {
  #known = new Map<string, { of: Journey[]; told: Conversation }>();

  of(all: Iterable<Journey>): Conversation[] {
    const groups = new Map<string, Journey[]>();
    for (const j of all) {
      const group = groups.get(j.conversation);
      if (group) group.push(j);
      else groups.set(j.conversation, [j]);
    }
    const known = this.#known;
    this.#known = new Map();
    for (const [id, of] of groups) {
      const old = known.get(id);
      const same = old && old.of.length === of.length && of.every((j, i) => j === old.of[i]);
      this.#known.set(id, same ? old : { of, told: tell(id, of) });
    }
    return inOrder([...this.#known.values()].map((x) => x.told));
  }
}

function inOrder(all: Conversation[]): Conversation[] {
  const ids = new Set(all.map((c) => c.id));
  const made = new Map<string, Conversation[]>();
  const own: Conversation[] = [];
  for (const c of all) {
    if (c.behalf === undefined || !ids.has(c.behalf)) own.push(c);
    else made.set(c.behalf, [...(made.get(c.behalf) ?? []), c]);
  }
  return own.sort((a, b) => b.start - a.start).flatMap((c) => [c, ...(made.get(c.id) ?? []).sort((a, b) => a.start - b.start)]);
}

/** A request is one connection, or what a client has with a proxy and what the proxy made for it. */
export function requestOf(c: Conversation, all: readonly Conversation[]): Conversation[] {
  const root = all.find((x) => x.id === c.behalf) ?? c;
  return [root, ...all.filter((x) => x.behalf === root.id)];
}

function tell(id: string, js: Journey[]): Conversation {
  const journeys = js.toSorted((a, b) => a.start - b.start);
  const first = journeys.find((j) => !j.reply) ?? journeys[0]!;
  const choice = find(journeys, (h) => h.decision?.kind === "dnat");
  const refusal = find(journeys, (h) => h.decision?.kind === "reject" || h.decision?.kind === "drop");
  const via = choice?.decision?.object ?? refusal?.decision?.object;
  const end = Math.max(...journeys.map((j) => j.start + j.duration));
  const exchanges = exchangesOf(journeys);
  const http = exchanges.filter((x) => x.protocol.startsWith("HTTP"));
  return {
    id,
    journeys,
    from: first.from || first.source,
    to: first.to || first.destination,
    via: via?.kind === "Service" ? via : undefined,
    behalf: journeys.find((j) => j.via)?.via,
    dns: exchanges[0]?.protocol === "DNS",
    endpoint: choice?.decision?.endpoint,
    endpoints: choice?.decision?.endpoints,
    outcome: outcomeOf(journeys),
    request: http.find((x) => x.question)?.question ?? "",
    response: http.findLast((x) => x.answer)?.answer ?? "",
    exchanges,
    start: first.start,
    duration: end - first.start,
  };
}

function find(journeys: Journey[], want: (hop: Hop) => boolean): Hop | undefined {
  for (const j of journeys) {
    const hop = j.hops?.find(want);
    if (hop) return hop;
  }
  return undefined;
}

function outcomeOf(journeys: Journey[]): Outcome {
  if (journeys.some((j) => j.verdict === "rejected")) return "refused";
  const replies = journeys.filter((j) => j.reply && !isError(j));
  if (replies.some((j) => !j.summary.includes("RST"))) return "answered";
  if (replies.length > 0) return "refused";
  if (journeys.some((j) => j.verdict === "dropped")) return "dropped";
  return journeys.some((j) => j.verdict === "underway") ? "underway" : "unanswered";
}

/** Whom the asker meant: the Service if there is one, or who got the packet. */
export function targetOf(c: Conversation): string {
  return c.via ? nameOf(`service/${c.via.namespace ?? "default"}/${c.via.name}`) : nameOf(c.to);
}

export const outcomeText: Record<Outcome, string> = {
  answered: "answered",
  refused: "refused",
  dropped: "dropped",
  unanswered: "no answer seen",
  underway: "under way",
};
