// The session's HTTP API. Errors are RFC 9457 problem documents.
import type { Access, ApplyResult, CheckRequest, CheckResult, FaultSettings, KeptRecording, Kill, Request, RequestResult, Session, SessionOptions, StepBegun, StepRequest, WhatIf, WhatIfRequest } from "../model";
import { at } from "./base";
import { data } from "./data";

export class Problem extends Error {
  /** Status is HTTP's, or 0 where nothing answered. */
  constructor(
    message: string,
    readonly status = 0,
  ) {
    super(message);
  }
}

interface Body {
  type: string;
  text: string | Blob;
}

/** Asks for a path under the session's, and answers with the text that came. */
export function ask(method: string, path: string, body?: Body, signal?: AbortSignal): Promise<string> {
  return askAt(`${data?.api}${path}`, method, body, {}, signal);
}

async function askAt(url: string, method: string, body?: Body, more: Record<string, string> = {}, signal?: AbortSignal): Promise<string> {
  const headers: Record<string, string> = { Accept: "application/json, text/plain", ...more };
  if (body) headers["Content-Type"] = body.type;
  let answer: Response;
  try {
    answer = await fetch(url, { method, headers, body: body?.text, signal });
  } catch {
    throw new Problem("The server could not be reached. Try again in a moment.");
  }
  return read(answer);
}

/** The text of an answer; fails with the Problem that it is. */
export async function read(answer: Response): Promise<string> {
  const text = await answer.text();
  if (answer.ok) return text;
  throw new Problem(explain(answer, text), answer.status);
}

export const json = (value: unknown): Body => ({ type: "application/json", text: JSON.stringify(value) });

function explain(answer: Response, text: string): string {
  try {
    const p = JSON.parse(text) as { title?: string; detail?: string };
    const said = [p.title, p.detail].filter(Boolean).join(": ");
    if (said) return said;
  } catch {
    // Not a problem document: a proxy in between answered.
  }
  return `The server answered ${answer.status} ${answer.statusText}`.trim();
}

/** Where the latest packets are to be had as a file for Wireshark; all of them without parameters. */
export function packetsURL(of: Record<string, string> = {}): string {
  return `${data?.api}/packets?${new URLSearchParams(of)}`;
}

/** What the session remembers, as a file; of the time since, such as 5m, or of all of it. */
export function recordingURL(since: string): string {
  return `${data?.api}/recording${since ? `?since=${since}` : ""}`;
}

export async function shareRecording(since: string): Promise<KeptRecording> {
  return JSON.parse(await askAt(recordingURL(since), "POST")) as KeptRecording;
}

/** Has the server keep a file that somebody opened here. */
export async function keepRecording(file: Blob): Promise<KeptRecording> {
  return JSON.parse(await askAt(at("/api/recordings"), "POST", { type: "application/gzip", text: file })) as KeptRecording;
}

export async function removeRecording(id: string, key: string): Promise<void> {
  await askAt(at(`/api/recordings/${encodeURIComponent(id)}`), "DELETE", undefined, { Authorization: `Bearer ${key}` });
}

export async function access(): Promise<Access> {
  return JSON.parse(await ask("GET", "/access")) as Access;
}

export async function apply(yaml: string): Promise<ApplyResult[]> {
  return JSON.parse(await ask("POST", "/apply", { type: "application/yaml", text: yaml })) as ApplyResult[];
}

/** What apply would answer; nothing is changed. With compare, answers have the objects besides. */
export async function dryRun(yaml: string, compare: boolean, signal?: AbortSignal): Promise<ApplyResult[]> {
  return JSON.parse(await ask("POST", `/apply?dryRun=true&compare=${compare}`, { type: "application/yaml", text: yaml }, signal)) as ApplyResult[];
}

export async function whatIf(request: WhatIfRequest): Promise<WhatIf> {
  return JSON.parse(await ask("POST", "/what-if", json(request))) as WhatIf;
}

export async function send(request: Request): Promise<RequestResult> {
  return JSON.parse(await ask("POST", "/requests", json(request))) as RequestResult;
}

/** Runs the checks of a lesson's step. */
export async function check(request: CheckRequest): Promise<CheckResult[]> {
  return JSON.parse(await ask("POST", "/checks", json(request))) as CheckResult[];
}

/** Starts the scripts of a lesson's step, once. */
export async function beginStep(request: StepRequest): Promise<StepBegun> {
  return JSON.parse(await ask("POST", "/begin", json(request))) as StepBegun;
}

/** Asks for more time. */
export async function extend(): Promise<Session> {
  return JSON.parse(await ask("POST", "/extend")) as Session;
}

/** Opens a session like this one in its place, with what the lesson begins with. */
export async function startOver(lesson?: string): Promise<Session> {
  return JSON.parse(await ask("POST", `/start-over${lesson ? `?${new URLSearchParams({ lesson })}` : ""}`)) as Session;
}

export async function change(options: SessionOptions): Promise<void> {
  await ask("PATCH", "", json(options));
}

export async function addNode(): Promise<void> {
  await ask("POST", "/nodes");
}

export async function removeNode(name: string): Promise<void> {
  await ask("DELETE", `/nodes/${encodeURIComponent(name)}`);
}

/** Breaks something, by the fault's ID. */
export async function putFault(id: string, settings: FaultSettings): Promise<void> {
  await ask("PUT", `/faults/${encodeURIComponent(id)}`, json(settings));
}

/** Mends one fault; all with an empty ID. */
export async function deleteFault(id: string): Promise<void> {
  await ask("DELETE", id ? `/faults/${encodeURIComponent(id)}` : "/faults");
}

export async function kill(of: Kill): Promise<void> {
  await ask("POST", "/kill", json(of));
}

export type Verb = "cordon" | "uncordon" | "stop" | "start";

export async function tellNode(name: string, verb: Verb): Promise<void> {
  await ask("POST", `/nodes/${encodeURIComponent(name)}/${verb}`);
}

/** What the kernel of a node says: ip addr, nft list ruleset and so on. */
export function look(node: string, at: string): Promise<string> {
  return ask("GET", `/nodes/${encodeURIComponent(node)}/look?at=${at}`);
}
