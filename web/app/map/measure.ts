// Fits names into boxes. SVG neither wraps nor cuts text by itself.

const FONTS = {
  name: "600 12.5px 'Inter Variable', system-ui, sans-serif",
  mono: "11.5px 'JetBrains Mono Variable', ui-monospace, monospace",
  badge: "600 10.5px 'Inter Variable', system-ui, sans-serif",
};

let context: CanvasRenderingContext2D | null = null;
const cache = new Map<string, string>();

// What was measured before the fonts were there is wrong.
document.fonts?.ready.then(() => cache.clear());

/** Cuts text out of the middle, as the ends of generated names tell them apart. */
export function fit(text: string, width: number, font: keyof typeof FONTS = "name"): string {
  const key = `${font} ${Math.floor(width)} ${text}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  context ??= document.createElement("canvas").getContext("2d");
  let out = text;
  if (context) {
    context.font = FONTS[font];
    let keep = text.length;
    while (keep > 3 && context.measureText(out).width > width) {
      keep--;
      const head = Math.ceil(keep * 0.45);
      out = `${text.slice(0, head)}…${text.slice(text.length - (keep - head))}`;
    }
  }
  if (cache.size > 5000) cache.clear();
  cache.set(key, out);
  return out;
}

/** How wide a text is. */
export function widthOf(text: string, font: keyof typeof FONTS): number {
  context ??= document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 6;
  context.font = FONTS[font];
  return context.measureText(text).width;
}
