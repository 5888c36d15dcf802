// How a packet moves along its line, and how it looks while it does.
import type { Point } from "./layout";

export interface Line {
  points: Point[];
  lengths: number[]; // from the start to each point
}

export function lengthsOf(points: Point[]): Line {
  const lengths = [0];
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    lengths.push(lengths[i - 1]! + Math.hypot(b.x - a.x, b.y - a.y));
  }
  return { points, lengths };
}

export function ease(t: number): number {
  return t < 0.5 ? 2 * t * t : 1 - (2 - 2 * t) ** 2 / 2;
}

export function along(l: Line, part: number): Point {
  const want = Math.max(0, part) * l.lengths[l.lengths.length - 1]!;
  let i = 1;
  while (i < l.lengths.length - 1 && l.lengths[i]! < want) i++;
  const [a, b] = [l.points[i - 1]!, l.points[i]!];
  const span = l.lengths[i]! - l.lengths[i - 1]! || 1;
  const k = (want - l.lengths[i - 1]!) / span;
  return { x: a.x + (b.x - a.x) * k, y: a.y + (b.y - a.y) * k };
}

export function disc(g: CanvasRenderingContext2D, at: Point, fill: string, stroke: string): void {
  g.beginPath();
  g.arc(at.x, at.y, 6, 0, 2 * Math.PI);
  g.fillStyle = fill;
  g.fill();
  g.lineWidth = 2.5;
  g.strokeStyle = stroke;
  g.stroke();
}

export function tail(g: CanvasRenderingContext2D, l: Line, part: number, color: string): void {
  for (let i = 1; i <= 7; i++) {
    const p = along(l, ease(Math.max(0, part - i * 0.012)));
    g.globalAlpha = 0.22 * (1 - i / 8);
    g.beginPath();
    g.arc(p.x, p.y, 5.5 - i * 0.5, 0, 2 * Math.PI);
    g.fillStyle = color;
    g.fill();
  }
  g.globalAlpha = 1;
}

export function cross(g: CanvasRenderingContext2D, p: Point, color: string, alpha: number): void {
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
