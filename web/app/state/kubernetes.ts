// The session's Kubernetes API, as kubectl would ask it. Its errors are Status objects.
import type { Access } from "../model";
import { Problem, access } from "./api";

export interface Asked {
  method?: string;
  body?: string;
  type?: string; // of the body; JSON unless it says otherwise
  accept?: string;
  signal?: AbortSignal;
}

/** The API's own no, with the code of its answer. */
export class Refusal extends Problem {
  constructor(
    text: string,
    readonly code: number,
  ) {
    super(text);
  }
}

let known: Promise<Access> | null = null;

/** Asks for a path of the API, such as /api/v1/pods. The answer is a good one, or a Refusal or another Problem is thrown. */
export async function kube(path: string, asked: Asked = {}): Promise<Response> {
  known ??= access();
  const at = await known.catch((problem: unknown) => {
    known = null; // so that the next one may have more luck
    throw problem;
  });
  const headers: Record<string, string> = { Accept: asked.accept ?? "application/json", Authorization: `Bearer ${at.token}` };
  if (asked.body !== undefined) headers["Content-Type"] = asked.type ?? "application/json";
  let answer: Response;
  try {
    answer = await fetch(at.path + path, { method: asked.method ?? "GET", headers, body: asked.body, signal: asked.signal });
  } catch (cause) {
    if (asked.signal?.aborted) throw cause;
    throw new Problem("The server could not be reached. Try again in a moment.");
  }
  if (answer.ok) return answer;
  throw new Refusal(said(answer, await answer.text()), answer.status);
}

/** The answer as JSON of a type that the caller knows. */
export async function kubeJSON<T>(path: string, asked: Asked = {}): Promise<T> {
  return (await (await kube(path, asked)).json()) as T;
}

function said(answer: Response, text: string): string {
  try {
    const status = JSON.parse(text) as { message?: string };
    if (status.message) return status.message;
  } catch {
    // Not the API: what is in front of it answered.
  }
  return `The API answered ${answer.status} ${answer.statusText}`.trim();
}
