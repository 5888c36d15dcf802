// What stands in the send bar; lessons and objects may fill it in.
import { batch, effect, signal } from "@preact/signals-core";
import { data, type SendHint } from "./data";
import { forTab } from "./keep";
import { vertices } from "./store";

const key = `podhop.send.${data?.session.id ?? ""}`;
const kept = JSON.parse(forTab.get(key) ?? "{}") as Partial<SendHint>;

export const from = signal(kept.from ?? "client");
export const to = signal(kept.to ?? "");
export const count = signal(kept.count ?? 1);

effect(() => forTab.set(key, JSON.stringify({ from: from.value, to: to.value, count: count.value })));

/** A URL for a vertex of the map; undefined while it has no address. */
export function urlOf(id: string): string | undefined {
  const v = vertices.value.get(id);
  const ip = v?.ips?.[0];
  if (!v || !ip || ip === "None") return undefined;
  return url(ip, v.ports?.find((p) => p.protocol === "TCP")?.port ?? 80);
}

export function url(ip: string, port: number): string {
  const scheme = port === 443 || port === 6443 ? "https" : "http";
  const host = ip.includes(":") ? `[${ip}]` : ip;
  const usual = scheme === "http" ? 80 : 443;
  return `${scheme}://${host}${port === usual ? "" : `:${port}`}`;
}

/** Fills in the send bar; says why not where the target is not there yet. */
export function fill(hint: SendHint): string | null {
  const isVertex = /^(pod|service|node)\//.test(hint.to);
  const target = isVertex ? urlOf(hint.to) : hint.to;
  const [kind, , name] = hint.to.split("/");
  if (!target) return `${kind === "pod" ? "Pod" : "Service"} ${name ?? hint.to} has no address yet: apply its manifest first.`;
  batch(() => {
    from.value = hint.from;
    to.value = target;
    count.value = hint.count || 1;
  });
  document.querySelector<HTMLElement>(".send-button")?.focus();
  return null;
}
