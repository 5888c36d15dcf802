// Where an arrow key leads on the map.

const DIRECTIONS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The element nearest to from in the key's direction, or null. */
export function nearest<T extends Element>(from: T, all: T[], key: string): T | null {
  const d = DIRECTIONS[key];
  if (!d) return null;
  const a = middle(from);
  let best: T | null = null;
  let least = Infinity;
  for (const el of all) {
    if (el === from) continue;
    const b = middle(el);
    const ahead = (b.x - a.x) * d[0] + (b.y - a.y) * d[1];
    const aside = Math.abs((b.x - a.x) * d[1]) + Math.abs((b.y - a.y) * d[0]);
    // Straight ahead counts, what lies more aside than ahead hardly does.
    const cost = ahead + 2.5 * aside;
    if (ahead > 2 && cost < least) [best, least] = [el, cost];
  }
  return best;
}

function middle(el: Element): { x: number; y: number } {
  const r = el.getBoundingClientRect();
  return { x: r.x + r.width / 2, y: r.y + r.height / 2 };
}
