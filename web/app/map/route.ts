// The way of a journey over the map: a pure function of its hops and the layout.
import type { Hop, Journey } from "../model";
import type { MachineBox, MapLayout, NodeBox, PodBox, Point } from "./layout";

/** A Route is a line, and where on it each hop is. */
export interface Route {
  points: Point[];
  /** Place of hop i, and the index in points at which the line gets there. */
  stops: { at: Point; index: number }[];
}

// A Station is where one hop is, and the way from there up to the underlay.
interface Station {
  kind: "pod" | "veth" | "kernel" | "eth" | "client" | "wire";
  at: Point;
  node?: NodeBox;
  chain: Point[]; // from this place to the underlay's line
}

export function route(journey: Journey, l: MapLayout): Route | null {
  const hops = journey.hops ?? [];
  const stations = locate(hops, l);
  if (stations.length === 0) return null;
  spreadKernels(stations);
  const points: Point[] = [];
  const stops: Route["stops"] = [];
  let last = origin(hops[0], stations[0]);
  if (last) push(points, last.at);
  for (const s of stations) {
    if (last) for (const p of between(last, s)) push(points, p);
    push(points, s.at);
    stops.push({ at: s.at, index: points.length - 1 });
    last = s;
  }
  const end = destination(hops[hops.length - 1], last);
  if (last && end) for (const p of [...between(last, end), end.at]) push(points, p);
  return { points, stops };
}

// A packet that a node's own program sent is first seen leaving by a device, but
// it came out of the kernel; one for such a program ends there.
function origin(first: Hop | undefined, s: Station | undefined): Station | null {
  return s?.node && first?.place.direction === "out" && (s.kind === "veth" || s.kind === "eth") ? inKernel(s.node) : null;
}

function destination(final: Hop | undefined, s: Station | null): Station | null {
  return s?.node && final?.place.direction === "in" && !final.decision && (s.kind === "veth" || s.kind === "eth") ? inKernel(s.node) : null;
}

function push(points: Point[], p: Point): void {
  const last = points[points.length - 1];
  if (!last || last.x !== p.x || last.y !== p.y) points.push(p);
}

function locate(hops: Hop[], l: MapLayout): Station[] {
  const nodes = new Map(l.nodes.map((n) => [n.vertex.id, n]));
  const pods = new Map<string, [PodBox, NodeBox]>();
  for (const n of l.nodes) for (const p of n.pods) pods.set(p.vertex.id, [p, n]);
  const machines = new Map([l.client, l.control].flatMap((m) => (m ? [[m.vertex.id, m] as const] : [])));
  const stations: Station[] = [];
  for (const hop of hops) {
    const { vertex, device, peer, hook } = hop.place;
    const before = stations[stations.length - 1];
    const pod = pods.get(vertex);
    const node = nodes.get(vertex);
    if (pod) stations.push(atPod(...pod));
    else if (node && hook) stations.push(inKernel(node));
    else if (node && peer && pods.has(peer)) stations.push(atVeth(...pods.get(peer)!));
    else if (node && (device === "eth0" || peer === "underlay")) stations.push(atEth(node));
    else if (node) stations.push(inKernel(node));
    else if (machines.has(vertex)) stations.push(atMachine(machines.get(vertex)!));
    else {
      const to = (machines.get(peer ?? "") ?? nodes.get(peer ?? ""))?.tap;
      const from = before?.chain[before.chain.length - 1];
      // The hop stands for the way between two cables: half-way along it.
      const near = to && from && before.kind !== "wire" ? { x: (to.x + from.x) / 2, y: (to.y + from.y) / 2 } : to;
      // A place that is not on the map (a pod that has gone) is where the packet was last seen.
      const at = near ?? before?.chain[before.chain.length - 1] ?? l.underlay.from;
      stations.push({ kind: "wire", at, chain: [at] });
    }
  }
  return stations;
}

function atMachine(m: MachineBox): Station {
  return { kind: "client", at: m.port, chain: [m.port, m.tap] };
}

function atPod(p: PodBox, n: NodeBox): Station {
  return { kind: "pod", at: p.port, node: n, chain: [p.port, p.from, { x: p.from.x, y: p.veth.y }, ...up(p.veth, n)] };
}

function atVeth(p: PodBox, n: NodeBox): Station {
  return { kind: "veth", at: p.veth, node: n, chain: up(p.veth, n) };
}

function up(veth: Point, n: NodeBox): Point[] {
  return [veth, { x: veth.x, y: n.lane }, n.out, n.eth, n.tap];
}

function inKernel(n: NodeBox): Station {
  const at = { x: n.kernel.x + n.kernel.w / 2, y: n.lane };
  return { kind: "kernel", at, node: n, chain: [at, n.out, n.eth, n.tap] };
}

function atEth(n: NodeBox): Station {
  return { kind: "eth", at: n.eth, node: n, chain: [n.eth, n.tap] };
}

// Hops of rules are spread along the way through the kernel, in their order.
function spreadKernels(stations: Station[]): void {
  for (let i = 0; i < stations.length; i++) {
    const n = stations[i]!.node;
    if (stations[i]!.kind !== "kernel" || !n) continue;
    let end = i;
    while (stations[end + 1]?.kind === "kernel" && stations[end + 1]!.node === n) end++;
    const middle = n.kernel.x + n.kernel.w / 2;
    const enter = gate(stations[i - 1], n) ?? middle;
    const leave = gate(stations[end + 1], n) ?? (enter === middle ? n.out.x : middle);
    const count = end - i + 1;
    const span = leave === enter ? Math.sign(middle - enter || 1) * Math.min(26 * (count + 1), n.kernel.w - 20) : leave - enter;
    for (let k = i; k <= end; k++) {
      const share = (k - i + 1) / (count + 1);
      const x = gate(stations[i - 1], n) === null ? enter + span * ((k - i) / (count + 1)) : enter + span * share;
      const s = stations[k]!;
      s.at = { x: Math.round(x), y: n.lane };
      s.chain = [s.at, ...s.chain.slice(1)];
    }
    i = end;
  }
}

// The x where the way from or to a station enters node n's lane; null if there is none.
function gate(s: Station | undefined, n: NodeBox): number | null {
  if (!s) return null;
  if (s.node !== n) return n.out.x;
  const onLane = s.chain.find((p) => p.y === n.lane);
  return onLane ? onLane.x : n.out.x;
}

// The points between two stations: up from the one, across, and down to the other.
function between(a: Station, b: Station): Point[] {
  if (a.node && a.node === b.node) {
    const lane = a.node.lane;
    const ia = a.chain.findIndex((p) => p.y === lane);
    const ib = b.chain.findIndex((p) => p.y === lane);
    if (a.kind === "pod" && b.kind === "veth" && same(b.at, a.chain[3])) return a.chain.slice(0, 4);
    if (a.kind === "veth" && b.kind === "pod" && same(a.at, b.chain[3])) return b.chain.slice(0, 4).reverse();
    if (ia >= 0 && ib >= 0) return [...a.chain.slice(0, ia + 1), ...b.chain.slice(0, ib + 1).reverse()];
    if (ib >= 0) return [...a.chain.slice(0, 1), a.node.out, ...b.chain.slice(0, ib + 1).reverse()];
    if (ia >= 0) return [...a.chain.slice(0, ia + 1), a.node.out, ...b.chain.slice(0, 1)];
    return [];
  }
  return [...a.chain, ...b.chain.slice().reverse()];
}

function same(a: Point, b: Point | undefined): boolean {
  return b !== undefined && a.x === b.x && a.y === b.y;
}

/** A Badge marks one hop, or several that would lie upon each other. */
export interface Badge {
  at: Point;
  hops: number[]; // indices
  label: string;
}

/** Gathers hops that are too near to each other to be told apart. */
export function badges(r: Route, nearer = 19): Badge[] {
  const out: Badge[] = [];
  r.stops.forEach((stop, i) => {
    const near = out.find((b) => Math.hypot(b.at.x - stop.at.x, b.at.y - stop.at.y) < nearer);
    if (near) near.hops.push(i);
    else out.push({ at: stop.at, hops: [i], label: "" });
  });
  for (const b of out) b.label = label(b.hops);
  return out;
}

function label(hops: number[]): string {
  const runs: string[] = [];
  for (let i = 0; i < hops.length; ) {
    let end = i;
    while (hops[end + 1] === hops[end]! + 1) end++;
    runs.push(end > i ? `${hops[i]! + 1}–${hops[end]! + 1}` : `${hops[i]! + 1}`);
    i = end + 1;
  }
  return runs.join(" ");
}

/** An SVG path with rounded corners. */
export function pathOf(points: Point[], radius = 10): string {
  if (points.length === 0) return "";
  let d = `M${points[0]!.x} ${points[0]!.y}`;
  for (let i = 1; i < points.length; i++) {
    const p = points[i]!;
    const a = points[i - 1]!;
    const b = points[i + 1];
    const r = b ? Math.min(radius, Math.hypot(p.x - a.x, p.y - a.y) / 2, Math.hypot(b.x - p.x, b.y - p.y) / 2) : 0;
    const turns = b && Math.abs((p.x - a.x) * (b.y - p.y) - (p.y - a.y) * (b.x - p.x)) > 1;
    if (!b || !turns || r < 1) {
      d += `L${p.x} ${p.y}`;
      continue;
    }
    const s = toward(p, a, r);
    const e = toward(p, b, r);
    d += `L${s.x} ${s.y}Q${p.x} ${p.y} ${e.x} ${e.y}`;
  }
  return d;
}

function toward(from: Point, to: Point, by: number): Point {
  const d = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  return { x: from.x + ((to.x - from.x) * by) / d, y: from.y + ((to.y - from.y) * by) / d };
}
