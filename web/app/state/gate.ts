// What a server asks for before it opens something, for parts that ask it by fetch: work, on a
// public site, and patience while it is full. What does either is a chunk that comes when it is needed.
import type { Queued } from "../model";

/** Sends a request, and if the server asks for work first, again with that; while there is no
 *  room, again when it is its turn, with a query. It fails if that is given up. */
export async function passing(send: (headers: Record<string, string>, query: string) => Promise<Response>): Promise<Response> {
  let answer = await send({}, "");
  const challenge = answer.headers.get("Podhop-Challenge");
  if (answer.status === 403 && challenge) {
    const { solve } = await import("../gate/solve");
    answer = await send({ "Podhop-Work": await solve(challenge) }, "");
  }
  for (let q = await queued(answer); q; q = await queued(answer)) {
    const { turn } = await import("../gate/turn");
    await turn(q);
    answer = await send({}, `?${new URLSearchParams({ ticket: q.ticket })}`);
  }
  return answer;
}

async function queued(answer: Response): Promise<Queued | undefined> {
  if (answer.status !== 503) return undefined;
  try {
    return ((await answer.clone().json()) as { queued?: Queued }).queued;
  } catch {
    return undefined; // a proxy in between answered
  }
}
