// A copy of a session, which belongs to whoever makes it; the page goes there.
import { keyOf } from "../editor/files";
import type { Session } from "../model";
import { read } from "../state/api";
import { data } from "../state/data";
import { passing } from "../state/gate";
import { forLong } from "../state/keep";
import { toast } from "../state/toast";

/** Opens a copy with a text in its editor. What goes wrong is told. */
export async function make(text: string): Promise<void> {
  await go((next) => text && forLong.set(keyOf(next.id), text));
}

/** A copy of one's own session, with all that is in its editor. */
export async function duplicate(): Promise<void> {
  toast("A copy is being made");
  await go((next) => forLong.copy(data?.session?.id ?? "", next.id));
}

async function go(furnish: (next: Session) => unknown): Promise<void> {
  try {
    const answer = await passing((more, query) => fetch(`${data?.api}/fork${query}`, { method: "POST", headers: { Accept: "application/json", ...more } }));
    const next = JSON.parse(await read(answer)) as Session;
    furnish(next);
    location.assign(next.url + location.search);
  } catch (e) {
    toast(e instanceof TypeError ? "The server could not be reached. Try again in a moment." : e instanceof Error ? e.message : String(e));
  }
}
