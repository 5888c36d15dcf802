// What a sender may ask for, in words that work from where it stands: pods know
// names, nodes know cluster IPs, and the client knows what leads in from outside.
import type { Port, Vertex } from "../model";
import { nameOf } from "./text";

export interface Target {
  url: string;
  label: string;
}

/** Everything worth asking from there, the likeliest first. */
export function targets(from: string, all: readonly Vertex[]): Target[] {
  const services = all.filter((v) => v.kind === "Service").sort(likelier);
  const pods = all.filter((v) => v.kind === "Pod" && v.ips?.length).sort(likelier);
  const node = all.find((v) => v.kind === "Node" && v.ready)?.ips?.[0];
  const entries = all.filter((v) => v.kind === "Ingress" || v.kind === "HTTPRoute").flatMap(hosts);
  const outside = services.flatMap((v) => [...loadBalancers(v), ...nodePorts(v, node)]);
  const inside = services.flatMap(clusterIPs);
  if (from === "client") return [...entries, ...outside];
  if (from.startsWith("pod/")) return [...services.flatMap((v) => names(v, from.split("/")[1] ?? "")), ...inside, ...pods.flatMap(podURLs), ...outside];
  return [...inside, ...outside, ...pods.flatMap(podURLs)];
}

/** The best way to ask for one vertex; undefined while it has no address. */
export function urlOf(v: Vertex | undefined, from: string, all: readonly Vertex[]): string | undefined {
  if (!v) return undefined;
  if (v.kind === "Ingress" || v.kind === "HTTPRoute") return hosts(v)[0]?.url;
  if (v.kind === "Pod") return podURLs(v)[0]?.url;
  const node = all.find((x) => x.kind === "Node" && x.ready)?.ips?.[0];
  const outside = [...loadBalancers(v), ...nodePorts(v, node)];
  return (from === "client" ? (outside[0] ?? clusterIPs(v)[0]) : clusterIPs(v)[0])?.url;
}

export function url(host: string, port: number, path = ""): string {
  const scheme = port === 443 || port === 6443 || port === 8443 ? "https" : "http";
  const literal = host.includes(":") ? `[${host}]` : host;
  const usual = scheme === "http" ? 80 : 443;
  return `${scheme}://${literal}${port === usual ? "" : `:${port}`}${path}`;
}

// Ports that HTTP may be asked on: of DNS nobody asks that.
const web = (ports: readonly Port[] | undefined): readonly Port[] => (ports ?? []).filter((p) => p.protocol === "TCP" && p.port !== 53);

const title = (v: Vertex, what: string): string => `${v.kind} ${nameOf(v.id)}, ${what}`;

function names(v: Vertex, namespace: string): Target[] {
  const name = v.namespace === namespace ? v.name : `${v.name}.${v.namespace}`;
  const ports = v.status === "ExternalName" && !v.ports?.length ? [{ protocol: "TCP", port: 80 }] : web(v.ports);
  return ports.map((p) => ({ url: url(name, p.port), label: title(v, "by its name") }));
}

const clusterIPs = (v: Vertex): Target[] => (v.ips ?? []).flatMap((ip) => web(v.ports).map((p) => ({ url: url(ip, p.port), label: title(v, "cluster IP") })));

const loadBalancers = (v: Vertex): Target[] =>
  (v.external ?? []).flatMap((ip) => web(v.ports).map((p) => ({ url: url(ip, p.port), label: title(v, "from outside") })));

const nodePorts = (v: Vertex, node: string | undefined): Target[] =>
  node ? web(v.ports).flatMap((p) => (p.nodePort ? [{ url: url(node, p.nodePort), label: title(v, "node port") }] : [])) : [];

function podURLs(v: Vertex): Target[] {
  const ports = v.ports?.length ? web(v.ports) : [{ protocol: "TCP", port: 80 }];
  return (v.ips ?? []).flatMap((ip) => ports.map((p) => ({ url: url(ip, p.port), label: `Pod ${nameOf(v.id)}` })));
}

// A wildcard is asked for by a name under it; a rule without a host by the address.
function hosts(v: Vertex): Target[] {
  const secure = v.facts?.filter((f) => f.name === "TLS").flatMap((f) => f.value.split(", ")) ?? [];
  const found = new Map<string, Target>();
  for (const r of v.rules ?? []) {
    const host = (r.host ?? "").replace(/^\*/, "www") || v.external?.[0];
    if (!host || !r.to) continue;
    const path = r.path?.startsWith("/") && r.path !== "/" ? r.path : "";
    const at = url(host, secure.includes(r.host ?? "") ? 443 : 80, path);
    found.set(at, { url: at, label: `${v.kind} ${nameOf(v.id)}` });
  }
  return [...found.values()];
}

// What learners make themselves comes before what every cluster has.
function likelier(a: Vertex, b: Vertex): number {
  const system = (v: Vertex) => (v.namespace !== "default" || v.id === "service/default/kubernetes" ? 1 : 0);
  return system(a) - system(b) || (a.created ?? 0) - (b.created ?? 0) || a.id.localeCompare(b.id);
}
