// A recording as a strip of moments: what had been told up to each, and where it
// lies on the scrub bar. Quiet stretches are shortened there, so that a minute in
// which nothing happened does not take a minute.
import type { Diff, Edge, Event, Journey, Message, Moment, Recording, Vertex } from "../model";

const QUIET = 2000; // ms: the longest that nothing happens on the bar
const TAIL = 500; // ms after the last moment

/** A place on the bar, and the time that it stands for. */
interface Knot {
  x: number; // ms on the bar
  time: number; // ns since the epoch
}

export class Tape {
  readonly moments: readonly Moment[];
  /** Where each moment lies on the bar, in ms, rising. */
  readonly at: readonly number[];
  /** How long the bar is, in ms. */
  readonly length: number;
  /** Indices of the moments that are packets. */
  readonly packets: readonly number[];
  /** Stretches of the bar, in ms, that stand for a longer time. */
  readonly quiet: readonly (readonly [number, number])[];
  readonly #knots: Knot[];

  constructor(readonly recording: Recording) {
    this.moments = recording.moments ?? [];
    const knots: Knot[] = [{ x: 0, time: recording.from }];
    const quiet: [number, number][] = [];
    const step = (time: number, most: number): number => {
      const last = knots[knots.length - 1]!;
      const gap = (time - last.time) / 1e6;
      const x = last.x + Math.min(gap, most);
      if (gap > most) quiet.push([last.x, x]);
      knots.push({ x, time });
      return x;
    };
    this.at = this.moments.map((m) => step(m.time, QUIET));
    this.length = Math.max(1, step(recording.to, TAIL));
    this.packets = this.moments.flatMap((m, i) => (m.message.journey ? [i] : []));
    this.quiet = quiet;
    this.#knots = knots;
  }

  /** How many moments lie at x or before. */
  told(x: number): number {
    let [low, high] = [0, this.at.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at[middle]! <= x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The time, in ns since the epoch, that a place on the bar stands for. */
  timeOf(x: number): number {
    const i = this.#knots.findIndex((k) => k.x >= x);
    const [a, b] = [this.#knots[Math.max(0, i - 1)]!, this.#knots[i < 0 ? this.#knots.length - 1 : i]!];
    return b.x === a.x ? b.time : a.time + ((b.time - a.time) * (x - a.x)) / (b.x - a.x);
  }

  /** The place on the bar of a time. */
  placeOf(time: number): number {
    const i = this.#knots.findIndex((k) => k.time >= time);
    const [a, b] = [this.#knots[Math.max(0, i - 1)]!, this.#knots[i < 0 ? this.#knots.length - 1 : i]!];
    return b.time === a.time ? b.x : a.x + ((b.x - a.x) * (time - a.time)) / (b.time - a.time);
  }

  /** Everything as it was after the first count moments, as a viewer who comes then is told. */
  upTo(count: number): Message[] {
    const r = this.recording;
    const vertices = new Map((r.graph.vertices ?? []).map((v): [string, Vertex] => [v.id, v]));
    const edges = new Map((r.graph.edges ?? []).map((e): [string, Edge] => [e.id, e]));
    const journeys: Journey[] = [];
    const events: Event[] = [];
    let { session, capture } = r;
    for (const { message: m } of this.moments.slice(0, count)) {
      if (m.topology) patch(vertices, edges, m.topology);
      if (m.journey) journeys.push(m.journey);
      if (m.event) events.push(m.event);
      if (m.session) session = m.session;
      if (m.capture) capture = m.capture;
    }
    const graph = { vertices: [...vertices.values()], edges: [...edges.values()] };
    return [{ seq: count, type: "snapshot", snapshot: { session, graph, capture, journeys, events } }];
  }

  /** What was told after the first from moments, up to the first to. */
  between(from: number, to: number): Message[] {
    return this.moments.slice(from, to).map((m) => m.message);
  }
}

function patch(vertices: Map<string, Vertex>, edges: Map<string, Edge>, d: Diff): void {
  for (const id of d.remove ?? []) vertices.delete(id);
  for (const v of d.put ?? []) vertices.set(v.id, v);
  for (const id of d.removeEdges ?? []) edges.delete(id);
  for (const e of d.putEdges ?? []) edges.set(e.id, e);
}
