// What is broken on purpose, as badges on the map: at a node's cable, on a pod's edge.
import { nothing, svg, type SVGTemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Fault } from "../model";
import { faults } from "../state/faults";
import type { MapLayout } from "./layout";
import { widthOf } from "./measure";

interface Spot {
  x: number; // of the badge's middle
  y: number; // of its top
  most: number; // how wide it may be
}

const HEIGHT = 16;

export function drawFaults(l: MapLayout): SVGTemplateResult {
  const by = new Map<string, Fault[]>();
  for (const f of faults.value) if (f.kind !== "stop") by.set(f.target, [...(by.get(f.target) ?? []), f]); // the node says so itself
  return svg`<g class="fault-badges">${repeat([...by], ([id]) => id, ([id, all]) => badge(spotOf(id, l), id, all))}</g>`;
}

function spotOf(id: string, l: MapLayout): Spot | null {
  for (const n of l.nodes) {
    if (n.vertex.id === id) return { x: n.x + n.w / 2, y: n.y + n.h - HEIGHT / 2, most: n.w };
    const p = n.pods.find((x) => x.vertex.id === id);
    if (p) return { x: p.x + p.w / 2, y: p.y + p.h - HEIGHT / 2, most: p.w + 24 };
  }
  const s = l.services.find((x) => x.vertex.id === id);
  if (s) return { x: s.x + s.w / 2, y: s.y + s.h - HEIGHT / 2, most: s.w };
  if (l.client?.vertex.id === id) return { x: l.client.x + l.client.w / 2, y: l.client.y - HEIGHT / 2, most: l.client.w };
  return null;
}

function badge(at: Spot | null, id: string, all: Fault[]): SVGTemplateResult | typeof nothing {
  if (!at) return nothing;
  const text = all.map((f) => f.text).join(", ");
  const w = Math.min(widthOf(text, "badge") + 14, Math.max(at.most, 40));
  const shown = widthOf(text, "badge") + 14 > w ? "broken" : text;
  return svg`<g class="fault-badge" role="img" aria-label=${`Fault of ${id}: ${text}`} data-fault=${id}><title>${text}</title>
    <rect x=${at.x - w / 2} y=${at.y} width=${w} height=${HEIGHT} rx=${HEIGHT / 2}></rect>
    <text x=${at.x} y=${at.y + 11.8} text-anchor="middle">${shown}</text></g>`;
}
