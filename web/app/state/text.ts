// Words and numbers as the page writes them everywhere.
import type { Object as Ref, Place } from "../model";

/** The name of a vertex ID; with its namespace where that is not the default one. */
export function nameOf(id: string): string {
  const parts = id.split("/");
  if (parts.length < 3) return parts[parts.length - 1] ?? id;
  const [, namespace, ...name] = parts;
  return namespace === "default" ? name.join("/") : `${namespace}/${name.join("/")}`;
}

/** The vertex ID of an object of the API. */
export function idOf(o: Ref): string {
  const kind = o.kind.toLowerCase();
  return o.namespace ? `${kind}/${o.namespace}/${o.name}` : `${kind}/${o.name}`;
}

/** A hop's place: "my-pod, eth0", "node-1, veth of my-pod", "node-1, prerouting", "underlay, to node-2". */
export function placeOf(p: Place): string {
  const where = nameOf(p.vertex);
  if (p.hook) return `${where}, ${p.hook}`;
  if (p.vertex.startsWith("node/") && p.peer?.startsWith("pod/")) return `${where}, veth of ${nameOf(p.peer)}`;
  if (p.vertex === "underlay" && p.peer) return `${where}, ${p.direction === "in" ? "from" : "to"} ${nameOf(p.peer)}`;
  return p.device ? `${where}, ${p.device}` : where;
}

/** Nanoseconds, to two or three digits. */
export function duration(ns: number): string {
  if (ns === 0) return "0 µs";
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${digits(ns / 1e3)} µs`;
  if (ns < 1e9) return `${digits(ns / 1e6)} ms`;
  return `${digits(ns / 1e9)} s`;
}

function digits(n: number): string {
  return n < 10 ? n.toFixed(1) : String(Math.round(n));
}

/** Milliseconds since the epoch, as the time of the day. */
export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
