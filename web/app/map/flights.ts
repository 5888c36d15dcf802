// Packets in flight, drawn on a canvas over the map, in the player's time. Real
// journeys take microseconds: here a packet takes about a second, and the packets
// of one conversation follow each other. With reduced motion they step from hop to hop.
import { effect } from "@preact/signals-core";
import type { Journey } from "../model";
import type { Clock, Cue } from "../state/player";
import type { Point } from "./layout";
import { along, cross, disc, ease, lengthsOf, type Line, tail } from "./motion";
import type { Route } from "./route";

interface Flight extends Line {
  journey: Journey;
  stops: Point[];
  start: number; // ms of the clock
  takes: number;
  lost: boolean;
}

const SPEED = 0.55; // px a millisecond
const STEP = 450; // ms a hop with reduced motion
const FADE = 500; // ms that the cross of a lost packet is seen
const HASTE = 260; // ms from one hop to the next when somebody steps

/** An Aloft is a packet in the air, and where. */
export interface Aloft {
  journey: Journey;
  at: Point;
}

export class Flights {
  #flights: Flight[] = [];
  #frame = 0;
  #free = new Map<string, number>(); // conversation -> when its next packet may start
  #step: (Line & { start: number; reply: boolean }) | null = null; // of the wall's clock
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #end: () => void;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly clock: Clock,
    private readonly most: number,
    private readonly landed: () => void,
  ) {
    this.#end = effect(() => {
      void clock.rate.value;
      this.#wake();
    });
  }

  close(): void {
    this.#end();
    cancelAnimationFrame(this.#frame);
  }

  /** Whether as many are in the air, or about to start, as may be. */
  get full(): boolean {
    return this.#flights.length >= this.most;
  }

  resize(width: number, height: number): void {
    const scale = devicePixelRatio || 1;
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width === w && this.canvas.height === h) return;
    this.canvas.width = w;
    this.canvas.height = h;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.canvas.getContext("2d")?.setTransform(scale, 0, 0, scale, 0, 0);
    this.#wake();
  }

  /** Lets a packet fly: at its cue, or when those of its conversation before it have got ahead. */
  add(journey: Journey, route: Route, cue?: Cue): void {
    if (this.full || route.points.length < 2) return;
    const line = lengthsOf(route.points);
    const still = this.#still.matches;
    const now = this.clock.now();
    const usual = still ? STEP * route.stops.length : Math.min(1200, Math.max(400, line.lengths.at(-1)! / SPEED));
    const takes = cue ? (still ? Math.max(usual, cue.takes) : cue.takes) : usual;
    const start = cue && !still ? now + cue.at : Math.max(now, this.#free.get(journey.conversation) ?? 0);
    this.#free.set(journey.conversation, start + takes * (still ? 1 : 0.45));
    this.#flights.push({ journey, ...line, stops: route.stops.map((s) => s.at), start, takes, lost: isLost(journey) });
    this.#wake();
  }

  /** Shows the way from one stop of a route to another, for somebody who steps. */
  step(route: Route, from: number, to: number, reply: boolean): void {
    const [a, b] = [route.stops[from], route.stops[to]];
    if (!a || !b || this.#still.matches) return;
    const [i, k] = [Math.min(a.index, b.index), Math.max(a.index, b.index)];
    const points = route.points.slice(i, k + 1);
    if (points.length < 2) return;
    this.#step = { ...lengthsOf(a.index > b.index ? points.reverse() : points), start: performance.now(), reply };
    this.#wake();
  }

  /** The map has changed: packets in the air go on at their new places. */
  reroute(routeOf: (j: Journey) => Route | null): void {
    this.#flights = this.#flights.flatMap((f) => {
      const r = routeOf(f.journey);
      return r && r.points.length > 1 ? [{ ...f, ...lengthsOf(r.points), stops: r.stops.map((s) => s.at) }] : [];
    });
    this.#wake();
  }

  clear(): void {
    this.#flights = [];
    this.#free.clear();
    this.#wake();
  }

  /** Ends the flights of those that are not wanted. */
  keep(wanted: (j: Journey) => boolean): void {
    this.#flights = this.#flights.filter((f) => wanted(f.journey));
    this.#wake();
  }

  /** The packets that are seen now, and where. */
  get aloft(): Aloft[] {
    const now = this.clock.now();
    return this.#flights.flatMap((f) => (now >= f.start && now < f.start + f.takes ? [{ journey: f.journey, at: this.#at(f, now) }] : []));
  }

  #at(f: Flight, now: number): Point {
    const part = Math.min(1, (now - f.start) / f.takes);
    return this.#still.matches ? f.stops[Math.min(f.stops.length - 1, Math.floor(part * f.stops.length))]! : along(f, ease(part));
  }

  #wake(): void {
    if (!this.#frame) this.#frame = requestAnimationFrame(this.#draw);
  }

  #draw = (): void => {
    this.#frame = 0;
    const g = this.canvas.getContext("2d");
    if (!g) return;
    const now = this.clock.now();
    g.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const before = this.#flights.length;
    this.#flights = this.#flights.filter((f) => now < f.start + f.takes + (f.lost ? FADE : 0));
    const style = getComputedStyle(this.canvas);
    const [hop, drop, paper] = ["--hop", "--drop", "--panel"].map((name) => style.getPropertyValue(name).trim()) as [string, string, string];
    for (const f of this.#flights) {
      if (now < f.start) continue;
      const part = Math.min(1, (now - f.start) / f.takes);
      const at = this.#at(f, now);
      if (f.lost && part >= 1) {
        cross(g, at, drop, 1 - (now - f.start - f.takes) / FADE);
        continue;
      }
      if (!this.#still.matches) tail(g, f, part, hop);
      disc(g, at, f.journey.reply ? paper : hop, f.journey.reply ? hop : paper);
    }
    this.#drawStep(g, hop, paper);
    if (this.#flights.length === 0) {
      this.#free.clear();
      if (before > 0) this.landed();
    }
    if (this.#step || (this.#flights.length > 0 && this.clock.rate.peek() > 0)) this.#wake();
  };

  #drawStep(g: CanvasRenderingContext2D, hop: string, paper: string): void {
    const s = this.#step;
    if (!s) return;
    const part = (performance.now() - s.start) / HASTE;
    if (part >= 1) this.#step = null;
    else disc(g, along(s, ease(Math.max(0, part))), s.reply ? paper : hop, s.reply ? hop : paper);
  }
}

const isLost = (j: Journey): boolean => j.verdict === "dropped" || j.verdict === "rejected";
