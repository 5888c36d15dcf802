// Where everything on the map is: a pure function of the graph and the space
// there is. In a wide space the underlay is a line along the bottom and nodes
// stand side by side; in a narrow one it runs down the left, nodes stacked.
import type { Edge, Vertex } from "../model";
import {
  type AddressBox, addressesOf, drawBackends, entriesOf, type EntryBox, placeAddresses, placeEntries, placeServices, placeWaiting, type ServiceBox, servicesOf, type Waiting,
} from "./rows";

export interface Point {
  x: number;
  y: number;
}

export interface Box extends Point {
  w: number;
  h: number;
}

export type Density = "full" | "snug" | "line" | "tiny"; // snug: full, with less air

export interface PodBox extends Box {
  vertex: Vertex;
  density: Density;
  port: Point; // where its eth0 is: the veth's end in the pod
  veth: Point; // the veth's other end, on the node
  from: Point; // where the line between the two leaves the box
  policies: string[]; // names of those that isolate it
}

export interface NodeBox extends Box {
  vertex: Vertex;
  pods: PodBox[];
  kernel: Box;
  lane: number; // y of the way through the kernel
  out: Point; // where that way turns to eth0
  eth: Point; // eth0, on the node's edge
  tap: Point; // where eth0's cable meets the underlay
}

/** What hangs on the underlay and is no node. */
export interface MachineBox extends Box {
  vertex: Vertex;
  port: Point;
  tap: Point;
}

export interface MapLayout {
  width: number;
  height: number;
  narrow: boolean;
  cluster: Box;
  client: MachineBox | null;
  control: MachineBox | null; // the control plane
  addresses: AddressBox[]; // from outside
  entries: EntryBox[];
  services: ServiceBox[];
  nodes: NodeBox[];
  waiting: Waiting | null;
  underlay: { from: Point; to: Point; vertex?: Vertex };
}

export interface Input {
  vertices: ReadonlyMap<string, Vertex>;
  edges: ReadonlyMap<string, Edge>;
  width: number;
  height: number;
  /** Services that are drawn, and their lines, although they or there would not be. */
  active?: ReadonlySet<string>;
}

const PAD = 16;
const GUTTER = 30; // right of a column of pods, for their veths
const HEAD = 32; // a node's title
const KERNEL = 50;
const NARROW = 560;
const ALL_LINES = 3; // with more Services than this, only active ones have lines

export function layout(input: Input): MapLayout {
  const all = [...input.vertices.values()];
  const nodes = all.filter((v) => v.kind === "Node").sort(byName);
  const services = servicesOf(all, input.active).sort(byName);
  const entries = entriesOf(all).sort(byName);
  const pods = all.filter((v) => v.kind === "Pod").sort(byAge);
  const client = all.find((v) => v.kind === "Client");
  const control = all.find((v) => v.kind === "ControlPlane");
  const underlay = all.find((v) => v.kind === "Underlay");
  const outside = addressesOf(entries, services);
  const width = Math.max(320, input.width);
  const narrow = width < NARROW || width - 170 < nodes.length * 150;

  const left = narrow ? 44 : client ? 138 : PAD;
  const right = width - PAD + (narrow ? 4 : 0);
  const cluster: Box = { x: left, y: narrow ? 8 + (client ? 68 : 0) + (control ? 38 : 0) + 34 * (client ? outside.size : 0) : 4, w: right - left, h: 0 };
  const lanes = outside.size > 0 && !narrow ? 8 : 0; // above the rows, for the ways in from outside
  const inside: Box = { x: cluster.x + (narrow ? 10 : 14), y: cluster.y + 14 + lanes, w: cluster.w - (narrow ? 20 : 28), h: 0 };

  let y = inside.y;
  const ins = placeEntries(entries, inside, y);
  if (ins.length > 0) y = Math.max(...ins.map((b) => b.y + b.h)) + 22;
  const boxes = placeServices(services, inside, y);
  if (boxes.length > 0) y = Math.max(...boxes.map((b) => b.y + b.h)) + 12 + 6 * Math.min(boxes.length, ALL_LINES);
  const waiting = placeWaiting(pods.filter((p) => !p.parent), inside, y);
  if (waiting) y += 42;

  const byNode = new Map<string, Vertex[]>(nodes.map((n) => [n.id, []]));
  for (const p of pods) if (p.parent) byNode.get(p.parent)?.push(p);

  const bottom = Math.max(input.height, 200) - (control ? 50 : 30); // the underlay's line in a wide map
  const placed: NodeBox[] = [];
  const gap = narrow ? 14 : 10;
  if (narrow) {
    for (const n of nodes) {
      const own = byNode.get(n.id)!;
      const box = placeNode(n, own, { x: inside.x, y, w: inside.w, h: 0 }, own.length > 8 ? "tiny" : own.length > 3 && inside.w < 460 ? "snug" : "full");
      box.out = { x: box.x + 14, y: box.lane };
      box.eth = { x: box.x, y: box.lane };
      box.tap = { x: 20, y: box.lane };
      placed.push(box);
      y = box.y + box.h + gap;
    }
  } else if (nodes.length > 0) {
    const w = (inside.w - gap * (nodes.length - 1)) / nodes.length;
    const room = bottom - 34 - y;
    const density = densityFor(Math.max(...[...byNode.values()].map((p) => p.length)), w, room);
    for (const [i, n] of nodes.entries())
      placed.push(placeNode(n, byNode.get(n.id)!, { x: inside.x + i * (w + gap), y, w, h: room }, density));
    const h = Math.max(...placed.map((n) => n.h));
    for (const n of placed) {
      stretch(n, h);
      n.out = { x: n.x + 30, y: n.lane };
      n.eth = { x: n.x + 30, y: n.y + n.h };
      n.tap = { x: n.x + 30, y: n.y + n.h + 34 };
    }
    y += h;
  }
  cluster.h = (narrow ? y - gap + 12 : y + 14) - cluster.y;

  const line = narrow ? 20 : y + 34;
  const height = narrow ? cluster.y + cluster.h + 12 : Math.max(line + (control ? 48 : 28), input.height);
  const last = placed[placed.length - 1];
  const result: MapLayout = {
    width,
    height,
    narrow,
    cluster,
    client: client ? placeClient(client, narrow, line, y) : null,
    control: control ? placeControl(control, narrow, line, cluster, client ? 70 : 8) : null,
    addresses: narrow
      ? placeAddresses(outside, [...ins, ...boxes], { x: 44, y: cluster.y - 34 * outside.size - 2, w: width - 44 - PAD, h: 0 }, null)
      : placeAddresses(outside, [...ins, ...boxes], { x: PAD, y: inside.y, w: 110, h: 0 }, inside.y),
    entries: ins,
    services: boxes,
    nodes: placed,
    waiting,
    underlay: narrow
      ? { from: { x: line, y: client ? 37 : (placed[0]?.tap.y ?? 0) }, to: { x: line, y: last ? last.tap.y : 60 }, vertex: underlay }
      : { from: { x: client ? 71 : left, y: line }, to: { x: right - 12, y: line }, vertex: underlay },
  };
  drawLines(result, input);
  drawBackends(ins, boxes, input.edges.values());
  for (const e of input.edges.values()) if (e.kind === "policy") guard(result, e);
  return result;
}

function guard(l: MapLayout, e: Edge): void {
  for (const n of l.nodes) n.pods.find((p) => p.vertex.id === e.to)?.policies.push(e.from);
}

function densityFor(most: number, w: number, room: number): Density {
  const free = room - HEAD - KERNEL - 22;
  const rows = Math.ceil(most / columnsIn(w));
  if (rows * 54 <= free || most <= 1) return "full";
  if (rows * 43 <= free) return "snug";
  const columns = Math.max(1, Math.floor((w - 14) / (104 + GUTTER)));
  return Math.ceil(most / columns) * 28 <= free ? "line" : "tiny";
}

/** How many pods stand side by side in a node that is wide. */
const columnsIn = (w: number) => Math.max(1, Math.floor((w - 28) / 300));

function placeNode(vertex: Vertex, pods: Vertex[], box: Box, density: Density): NodeBox {
  const x = box.x + 14;
  const top = box.y + HEAD + 2;
  const inner = box.w - 28;
  const out: PodBox[] = [];
  let bottom = top;
  if (density === "tiny") {
    const w = 37;
    const gutter = box.x + box.w - 14;
    const columns = Math.max(1, Math.floor((inner - 6) / (w + 4)));
    pods.forEach((p, i) => {
      const b = { x: x + (i % columns) * (w + 4), y: top + Math.floor(i / columns) * 26, w, h: 20, policies: [] };
      const mid = b.x + w / 2;
      out.push({ ...b, vertex: p, density, from: { x: mid, y: b.y + b.h }, port: { x: mid, y: b.y + b.h / 2 }, veth: { x: gutter, y: b.y + b.h + 3 } });
      bottom = b.y + 26;
    });
  } else {
    const [h, pitch] = { full: [46, 54], snug: [38, 43], line: [23, 28] }[density] as [number, number];
    const rows = Math.max(1, Math.floor((box.h - HEAD - KERNEL - 22) / pitch));
    // A box without a height of its own is stacked: it is wide, so its pods stand side by side.
    const columns = box.h === 0 ? Math.max(1, Math.min(pods.length, Math.floor(inner / 220))) : Math.max(1, Math.min(pods.length, columnsIn(box.w)), density === "line" ? Math.ceil(pods.length / rows) : 1);
    const column = inner / columns;
    pods.forEach((p, i) => {
      const w = column - GUTTER + (columns === 1 ? 6 : 2);
      const b = { x: x + (i % columns) * column, y: top + Math.floor(i / columns) * pitch, w, h, policies: [] };
      const mid = b.y + h / 2;
      out.push({ ...b, vertex: p, density, from: { x: b.x + w, y: mid }, port: { x: b.x + w - (density === "line" ? 11 : 14), y: mid }, veth: { x: b.x + w + 15, y: mid } });
      bottom = Math.max(bottom, b.y + pitch);
    });
  }
  const h = Math.max(box.h, bottom - box.y + KERNEL + 22);
  const zero = { x: 0, y: 0 };
  const node: NodeBox = { ...box, h, vertex, pods: out, kernel: { x, y: 0, w: inner, h: KERNEL }, lane: 0, out: zero, eth: zero, tap: zero };
  stretch(node, h);
  return node;
}

function stretch(n: NodeBox, h: number): void {
  n.h = h;
  n.kernel.y = n.y + h - KERNEL - 12;
  n.lane = n.kernel.y + 33;
}

function placeClient(vertex: Vertex, narrow: boolean, line: number, bottom: number): MachineBox {
  if (narrow) {
    const b = { x: 44, y: 12, w: 176, h: 50 };
    return { ...b, vertex, port: { x: 44, y: 37 }, tap: { x: line, y: 37 } };
  }
  const b = { x: PAD, y: Math.max(12, bottom - 150), w: 110, h: 56 };
  return { ...b, vertex, port: { x: 71, y: b.y + b.h }, tap: { x: 71, y: line } };
}

// In a wide map it hangs below the line, in a narrow one it stands under the client.
function placeControl(vertex: Vertex, narrow: boolean, line: number, cluster: Box, top: number): MachineBox {
  if (narrow) {
    const b = { x: 44, y: top, w: 210, h: 28 };
    return { ...b, vertex, port: { x: 44, y: top + 14 }, tap: { x: line, y: top + 14 } };
  }
  const b = { x: cluster.x + 14, y: line + 13, w: 210, h: 26 };
  const x = b.x + 30;
  return { ...b, vertex, port: { x, y: b.y }, tap: { x, y: line } };
}

// A Service's line runs down from its capsule, along above the nodes, and down
// the left side of each node that has endpoints, with a short arm to each pod.
function drawLines(l: MapLayout, input: Input): void {
  const shown = l.services.filter((s) => l.services.length <= ALL_LINES || input.active?.has(s.vertex.id));
  const top = l.nodes[0]?.y ?? 0;
  for (const [lane, s] of shown.entries()) {
    const ends = new Set<string>();
    for (const e of input.edges.values()) if (e.from === s.vertex.id && e.kind === "endpoint" && e.ready) ends.add(e.to);
    const shift = 3 * (lane % ALL_LINES);
    const bus = top - 8 - 6 * (lane % ALL_LINES);
    for (const n of l.nodes) {
      const pods = n.pods.filter((p) => ends.has(p.vertex.id));
      if (pods.length === 0) continue;
      const side = n.x + 5 + shift;
      const start = { x: s.x + s.w / 2, y: s.y + s.h };
      const deepest = Math.max(...pods.map((p) => p.y + p.h / 2));
      if (l.narrow) s.lines.push([start, { x: start.x, y: bus }, { x: l.cluster.x + 5 + shift, y: bus }, { x: l.cluster.x + 5 + shift, y: n.y + 16 }, { x: side, y: n.y + 16 }, { x: side, y: deepest }]);
      else s.lines.push([start, { x: start.x, y: bus }, { x: side, y: bus }, { x: side, y: deepest }]);
      for (const p of pods) {
        const [mid, above, inner] = [p.y + p.h / 2, p.y - 3, p.x + 12];
        // A pod that others stand before is reached from the gap above it.
        if (p.x < n.x + 20) s.lines.push([{ x: side, y: mid }, { x: p.x, y: mid }]);
        else s.lines.push([{ x: side, y: above }, { x: inner, y: above }, { x: inner, y: p.y }]);
      }
    }
  }
}

function byName(a: Vertex, b: Vertex): number {
  return a.id.localeCompare(b.id, "en", { numeric: true });
}

function byAge(a: Vertex, b: Vertex): number {
  return (a.created ?? 0) - (b.created ?? 0) || byName(a, b);
}
