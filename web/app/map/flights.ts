// Packets in flight, drawn on a canvas over the map. Real journeys take
// microseconds: here a packet takes about a second, and the packets of one
// conversation follow each other. With reduced motion they step from hop to hop.
import type { Journey } from "../model";
import type { Point } from "./layout";
import type { Route } from "./route";

interface Flight {
  journey: string;
  points: Point[];
  lengths: number[]; // from the start to each point
  stops: Point[];
  start: number;
  takes: number;
  reply: boolean;
  lost: boolean;
}

const SPEED = 0.55; // px a millisecond
const MOST = 300; // in the air at once: beyond this packets are recorded but not flown
const STEP = 450; // ms a hop with reduced motion

export class Flights {
  #flights: Flight[] = [];
  #frame = 0;
  #free = new Map<string, number>(); // conversation -> when its next packet may start
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");

  constructor(private readonly canvas: HTMLCanvasElement) {}

  /** Packets in the air or about to start. */
  get count(): number {
    return this.#flights.length;
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
  }

  add(journey: Journey, route: Route): void {
    if (this.#flights.length >= MOST || route.points.length < 2) return;
    const lengths = [0];
    for (let i = 1; i < route.points.length; i++) {
      const [a, b] = [route.points[i - 1]!, route.points[i]!];
      lengths.push(lengths[i - 1]! + Math.hypot(b.x - a.x, b.y - a.y));
    }
    const now = performance.now();
    const length = lengths[lengths.length - 1]!;
    const takes = this.#still.matches ? STEP * route.stops.length : Math.min(1200, Math.max(400, length / SPEED));
    const start = Math.max(now, this.#free.get(journey.conversation) ?? 0);
    this.#free.set(journey.conversation, start + takes * (this.#still.matches ? 1 : 0.45));
    this.#flights.push({
      journey: journey.id, points: route.points, lengths, stops: route.stops.map((s) => s.at), start, takes,
      reply: journey.reply, lost: journey.verdict === "dropped" || journey.verdict === "rejected",
    });
    if (!this.#frame) this.#frame = requestAnimationFrame(this.#draw);
  }

  clear(): void {
    this.#flights = [];
    this.#free.clear();
  }

  #draw = (now: number): void => {
    const g = this.canvas.getContext("2d");
    if (!g) return;
    g.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#flights = this.#flights.filter((f) => now < f.start + f.takes + (f.lost ? 500 : 0));
    const style = getComputedStyle(this.canvas);
    const [hop, drop, paper] = ["--hop", "--drop", "--panel"].map((name) => style.getPropertyValue(name).trim()) as [string, string, string];
    for (const f of this.#flights) {
      if (now < f.start) continue;
      const part = Math.min(1, (now - f.start) / f.takes);
      const at = this.#still.matches ? f.stops[Math.min(f.stops.length - 1, Math.floor(part * f.stops.length))]! : along(f, ease(part));
      if (f.lost && part >= 1) {
        cross(g, at, drop, 1 - (now - f.start - f.takes) / 500);
        continue;
      }
      if (!this.#still.matches) tail(g, f, part, hop);
      g.beginPath();
      g.arc(at.x, at.y, 6, 0, 2 * Math.PI);
      g.fillStyle = f.reply ? paper : hop;
      g.fill();
      g.lineWidth = 2.5;
      g.strokeStyle = f.reply ? hop : paper;
      g.stroke();
    }
    if (this.#flights.length > 0) this.#frame = requestAnimationFrame(this.#draw);
    else {
      this.#frame = 0;
      this.#free.clear();
      g.clearRect(0, 0, this.canvas.width, this.canvas.height);
    }
  };
}

function ease(t: number): number {
  return t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2;
}

function along(f: Flight, part: number): Point {
  const want = Math.max(0, part) * f.lengths[f.lengths.length - 1]!;
  let i = 1;
  while (i < f.lengths.length - 1 && f.lengths[i]! < want) i++;
  const [a, b] = [f.points[i - 1]!, f.points[i]!];
  const span = f.lengths[i]! - f.lengths[i - 1]! || 1;
  const k = (want - f.lengths[i - 1]!) / span;
  return { x: a.x + (b.x - a.x) * k, y: a.y + (b.y - a.y) * k };
}

function tail(g: CanvasRenderingContext2D, f: Flight, part: number, color: string): void {
  for (let i = 1; i <= 7; i++) {
    const p = along(f, ease(Math.max(0, part - i * 0.012)));
    g.globalAlpha = 0.22 * (1 - i / 8);
    g.beginPath();
    g.arc(p.x, p.y, 5.5 - i * 0.5, 0, 2 * Math.PI);
    g.fillStyle = color;
    g.fill();
  }
  g.globalAlpha = 1;
}

function cross(g: CanvasRenderingContext2D, p: Point, color: string, alpha: number): void {
  g.globalAlpha = Math.max(0, alpha);
  g.strokeStyle = color;
  g.lineWidth = 3;
  g.beginPath();
  g.moveTo(p.x - 6, p.y - 6);
  g.lineTo(p.x + 6, p.y + 6);
  g.moveTo(p.x + 6, p.y - 6);
  g.lineTo(p.x - 6, p.y + 6);
  g.stroke();
  g.globalAlpha = 1;
}
