// What stands above the nodes: Ingresses and Gateways, the Services under them,
// and pods that wait for a node; and, at the client's side, the addresses that
// lead in from outside.
import type { Edge, Vertex } from "../model";
import type { Box, Point } from "./layout";

export interface ServiceBox extends Box {
  vertex: Vertex;
  density: "full" | "line";
  lines: Point[][]; // to its endpoints
}

/** An Ingress or a Gateway. */
export interface EntryBox extends Box {
  vertex: Vertex;
  lines: Point[][]; // to the Services behind it
}

/** An address outside of the cluster, and the way from there to whose it is. */
export interface AddressBox extends Box {
  ip: string;
  of: Vertex;
  line: Point[]; // empty where there is no room for it
}

export interface Waiting {
  boxes: (Box & { vertex: Vertex })[];
  more: number;
  y: number;
}

export const GAP = 8;

/** Services that every cluster has: they are on the map when somebody is about to look at them. */
const always = (v: Vertex) => v.id === "service/default/kubernetes" || isOfCluster(v);

/** Whether something came with the cluster. */
export const isOfCluster = (v: Vertex): boolean => v.namespace === "kube-system" || v.namespace === "ingress-podhop";

export const servicesOf = (all: Vertex[], active?: ReadonlySet<string>): Vertex[] =>
  all.filter((v) => v.kind === "Service" && (!always(v) || active?.has(v.id)));

export const entriesOf = (all: Vertex[]): Vertex[] => all.filter((v) => v.kind === "Ingress" || v.kind === "Gateway");

export function placeEntries(entries: Vertex[], inside: Box, y: number): EntryBox[] {
  return spread(entries.length, inside, y, 212, 270, 40).map((b, i) => ({ ...b, vertex: entries[i]!, lines: [] }));
}

export function placeServices(services: Vertex[], inside: Box, y: number): ServiceBox[] {
  const density = services.length > Math.min(4, Math.floor((inside.w + 12) / 212)) && inside.w > 430 ? "line" : "full";
  const boxes = density === "full" ? spread(services.length, inside, y, 212, 270, 46) : spread(services.length, inside, y, 172, 240, 26);
  return boxes.map((b, i) => ({ ...b, vertex: services[i]!, density, lines: [] }));
}

// Boxes of one size in rows, each row in the middle.
function spread(count: number, inside: Box, y: number, least: number, most: number, h: number): Box[] {
  if (count === 0) return [];
  const perRow = Math.max(1, Math.min(count, Math.floor((inside.w + 12) / least)));
  const w = Math.min(most, (inside.w - 12 * (perRow - 1)) / perRow);
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / perRow);
    const inRow = Math.min(perRow, count - row * perRow);
    const start = inside.x + (inside.w - inRow * w - (inRow - 1) * 12) / 2;
    return { x: start + (i % perRow) * (w + 12), y: y + row * (h + GAP), w, h };
  });
}

export function placeWaiting(pods: Vertex[], inside: Box, y: number): Waiting | null {
  if (pods.length === 0) return null;
  const label = 142;
  const w = 160;
  const fit = Math.max(1, Math.floor((inside.w - label - 40) / (w + 8)));
  return {
    boxes: pods.slice(0, fit).map((vertex, i) => ({ vertex, x: inside.x + label + i * (w + 8), y, w, h: 28 })),
    more: Math.max(0, pods.length - fit),
    y,
  };
}

/** Each address once: an Ingress's is its controller's Service's too, and leads to the Ingress. */
export function addressesOf(entries: Vertex[], services: Vertex[]): Map<string, Vertex> {
  const out = new Map<string, Vertex>();
  for (const v of [...services, ...entries]) for (const ip of v.external ?? []) if (/^[\d.]+$|:/.test(ip) && (v.kind !== "Service" || !out.has(ip))) out.set(ip, v);
  return out;
}

/** Addresses stand in a column left of the cluster, and lead over the top of the rows. Without a top they say where they lead. */
export function placeAddresses(of: Map<string, Vertex>, boxes: (Box & { vertex: Vertex })[], column: Box, top: number | null): AddressBox[] {
  const out: AddressBox[] = [];
  for (const [ip, vertex] of of) {
    const to = boxes.find((b) => b.vertex.id === vertex.id);
    if (!to) continue;
    const box = { x: column.x, y: column.y + out.length * 34, w: column.w, h: 26 };
    if (top === null) {
      out.push({ ...box, ip, of: vertex, line: [] });
      continue;
    }
    const lane = top - 4 - 4 * (out.length % 3);
    const turn = column.x + column.w + 6 + 2 * (out.length % 3);
    const end = to.x + 28 + 10 * out.filter((a) => a.of.id === vertex.id).length;
    const mid = box.y + box.h / 2;
    out.push({ ...box, ip, of: vertex, line: [{ x: box.x + box.w, y: mid }, { x: turn, y: mid }, { x: turn, y: lane }, { x: end, y: lane }, { x: end, y: to.y }] });
  }
  return out;
}

/** From the bottom of each Ingress or Gateway to the top of each Service behind it. */
export function drawBackends(entries: EntryBox[], services: ServiceBox[], edges: Iterable<Edge>): void {
  const all = [...edges];
  for (const [lane, e] of entries.entries()) {
    const sources = new Set([e.vertex.id, ...all.filter((x) => x.kind === "parent" && x.from === e.vertex.id).map((x) => x.to)]);
    const ends = new Set(all.filter((x) => x.kind === "backend" && sources.has(x.from)).map((x) => x.to));
    const start = { x: e.x + e.w / 2, y: e.y + e.h };
    const bus = start.y + 7 + 3 * (lane % 3);
    for (const s of services) {
      if (!ends.has(s.vertex.id)) continue;
      const x = Math.abs(s.x + s.w / 2 - start.x) < 1 ? start.x : s.x + s.w / 2;
      e.lines.push([start, { x: start.x, y: bus }, { x, y: bus }, { x, y: s.y }]);
    }
  }
}
