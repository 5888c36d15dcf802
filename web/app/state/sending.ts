// What stands in the send bar; lessons and objects may fill it in.
import { batch, effect, signal } from "@preact/signals-core";
import { data, type SendHint } from "./data";
import { forTab } from "./keep";
import { vertices } from "./store";
import { urlOf as best } from "./targets";

const key = `podhop.send.${data?.session?.id ?? ""}`;
const kept = JSON.parse(forTab.get(key) ?? "{}") as Partial<SendHint>;

export const from = signal(kept.from ?? "client");
export const to = signal(kept.to ?? "");
export const count = signal(kept.count ?? 1);

effect(() => forTab.set(key, JSON.stringify({ from: from.value, to: to.value, count: count.value })));

/** A URL for a vertex of the map, as it is asked for from there; undefined while it has no address. */
export function urlOf(id: string, sender = from.value): string | undefined {
  return best(vertices.value.get(id), sender, [...vertices.value.values()]);
}

/** Fills in the send bar; says why not where the target is not there yet. */
export function fill(hint: SendHint): string | null {
  const isVertex = /^(pod|service|ingress)\//.test(hint.to);
  const target = isVertex ? urlOf(hint.to, hint.from) : hint.to;
  const [kind, , name] = hint.to.split("/");
  const kinds: Record<string, string> = { pod: "Pod", service: "Service", ingress: "Ingress" };
  if (!target) return `${kinds[kind ?? ""] ?? "It"} ${name ?? hint.to} has no address yet: apply its manifest first.`;
  batch(() => {
    from.value = hint.from;
    to.value = target;
    count.value = hint.count || 1;
  });
  document.querySelector<HTMLElement>(".send-button")?.focus();
  return null;
}
