// What a public site asks for before it opens something, for parts that ask it by fetch: the
// work is done by a chunk that comes when the server asks for it.

/** Sends a request, and if the server asks for work first, again with that. */
export async function passing(send: (headers: Record<string, string>) => Promise<Response>): Promise<Response> {
  const answer = await send({});
  const challenge = answer.headers.get("Podhop-Challenge");
  if (answer.status !== 403 || !challenge) return answer;
  const { solve } = await import("../gate/solve");
  return send({ "Podhop-Work": await solve(challenge) });
}
