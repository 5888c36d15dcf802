// The session's HTTP API. Errors are RFC 9457 problem documents.
import type { ApplyResult, Request, RequestResult } from "../model";
import { data } from "./data";

export class Problem extends Error {}

async function post<T>(path: string, type: string, body: string): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(`${data?.api}/${path}`, { method: "POST", headers: { "Content-Type": type, Accept: "application/json" }, body });
  } catch {
    throw new Problem("The server could not be reached. Try again in a moment.");
  }
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as T;
  throw new Problem(explain(answer, text));
}

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

export function apply(yaml: string): Promise<ApplyResult[]> {
  return post("apply", "application/yaml", yaml);
}

export function send(request: Request): Promise<RequestResult> {
  return post("requests", "application/json", JSON.stringify(request));
}
