// Calls of the API server that the client makes, as kubectl does: real traffic, but
// seldom what somebody who types a command wants to follow.
import { computed } from "@preact/signals-core";
import type { Journey, Vertex } from "../model";
import { conversations, vertices } from "./store";

/** IDs of the conversations that the client has with the control plane's own address. */
export const calls = computed<ReadonlySet<string>>(() => {
  const at = addresses.value.split(" ");
  return new Set(conversations.value.filter((c) => isCall(c.journeys[0]!, at)).map((c) => c.id));
});

// As one text: most changes of the map are no news.
const addresses = computed(() => [...vertices.value.values()].filter((v: Vertex) => v.kind === "ControlPlane").flatMap((v) => v.ips ?? []).join(" "));

function isCall(j: Journey, at: readonly string[]): boolean {
  const [client, address] = j.reply ? [j.to, j.source] : [j.from, j.destination];
  return client === "client" && at.some((ip) => ip !== "" && (address === ip || address.startsWith(`${ip}:`) || address.startsWith(`[${ip}]:`)));
}
