// The map as a tree, for those who read it: machines and what runs on them, ways
// in and where they lead, and the way of the packet that is shown. Pure.
import type { Edge, Journey, Vertex } from "../model";
import { nameOf, placeOf, plural } from "./text";

export interface Branch {
  key: string; // of its own, as a pod is under its node and under its Service
  vertex?: string;
  hop?: number; // of the shown packet
  name: string;
  says: string;
  children: Branch[];
}

export function treeOf(vertices: ReadonlyMap<string, Vertex>, edges: Iterable<Edge>, journey: Journey | undefined): Branch[] {
  const all = [...vertices.values()].sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  const ends = [...edges];
  const leaf = (v: Vertex, under: string): Branch => ({ key: `${under} ${v.id}`, vertex: v.id, name: nameOf(v.id), says: words(v), children: [] });
  const below = (v: Vertex, kinds: string[]) =>
    ends.filter((e) => kinds.includes(e.kind) && e.from === v.id).flatMap((e) => vertices.get(e.to) ?? []).map((x) => leaf(x, v.id));
  const of = (kind: string, children: (v: Vertex) => Branch[]) => all.filter((v) => v.kind === kind).map((v) => ({ ...leaf(v, ""), name: `${kindWords[kind] ?? kind} ${nameOf(v.id)}`.trim(), children: children(v) }));
  const waiting = all.filter((v) => v.kind === "Pod" && !v.parent);
  return [
    ...packet(journey),
    ...of("Client", () => []),
    ...of("Ingress", (v) => below(v, ["backend"])),
    ...of("Gateway", (v) => below(v, ["parent", "backend"])),
    ...of("Service", (v) => below(v, ["endpoint"])),
    ...of("Node", (v) => all.filter((x) => x.kind === "Pod" && x.parent === v.id).map((x) => leaf(x, v.id))),
    ...(waiting.length > 0 ? [{ key: "waiting", name: "Waiting for a node", says: plural(waiting.length, "pod"), children: waiting.map((v) => leaf(v, "waiting")) }] : []),
    ...of("ControlPlane", () => []),
    ...of("Underlay", () => []),
  ];
}

// Their names say what they are.
const kindWords: Record<string, string> = { Client: "", ControlPlane: "", Underlay: "" };

function packet(j: Journey | undefined): Branch[] {
  if (!j?.hops?.length) return [];
  const says = `${nameOf(j.from || j.source)} to ${nameOf(j.to || j.destination)}, ${j.verdict === "underway" ? "under way" : j.verdict}`;
  return [{ key: "packet", name: `Packet ${j.summary}`, says, children: j.hops.map((h, i) => ({ key: `packet ${i}`, hop: i, name: `${i + 1}. ${placeOf(h.place)}`, says: h.sentence || h.decision?.sentence || "", children: [] })) }];
}

function words(v: Vertex): string {
  const address = v.ips?.[0] ?? "";
  const port = v.kind === "Service" && address && v.ports?.[0] ? `:${v.ports[0].port}` : "";
  const said = v.kind === "Service" && v.status !== "ExternalName" ? plural(v.have ?? 0, "endpoint") : (v.status ?? "");
  return [address + port, said, v.external?.length ? `${v.external.join(" and ")} from outside` : ""].filter(Boolean).join(", ");
}
