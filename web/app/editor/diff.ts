// The difference of two texts by lines, after Myers, "An O(ND) Difference Algorithm" (1986). Pure.

export interface Line {
  sign: " " | "+" | "-";
  text: string;
  old: number; // its number in the old text, from 1; 0 in none
  new: number;
}

export type Piece = { kind: "lines"; lines: Line[] } | { kind: "skip"; count: number };

const MOST = 4000; // changes, after which all that is left counts as changed

export function diff(before: string, after: string): Line[] {
  const a = split(before);
  const b = split(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const lines: Line[] = [];
  let [i, k] = [0, 0];
  const put = (sign: Line["sign"]) => {
    lines.push({ sign, text: (sign === "+" ? b[k] : a[i])!, old: sign === "+" ? 0 : i + 1, new: sign === "-" ? 0 : k + 1 });
    if (sign !== "+") i++;
    if (sign !== "-") k++;
  };
  for (let n = 0; n < start; n++) put(" ");
  for (const sign of path(a.slice(start, a.length - end), b.slice(start, b.length - end))) put(sign);
  for (let n = 0; n < end; n++) put(" ");
  return lines;
}

const split = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

// The shortest way from a to b, each step a sign.
function path(a: string[], b: string[]): Line["sign"][] {
  const trace: Map<number, number>[] = [];
  const v = new Map([[1, 0]]);
  const most = Math.min(a.length + b.length, MOST);
  for (let d = 0; d <= most; d++) {
    trace.push(new Map(v));
    for (let k = -d; k <= d; k += 2) {
      let x = k === -d || (k !== d && v.get(k - 1)! < v.get(k + 1)!) ? v.get(k + 1)! : v.get(k - 1)! + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      v.set(k, x);
      if (x >= a.length && x - k >= b.length) return back(trace, a.length, b.length);
    }
  }
  return [...a.map(() => "-" as const), ...b.map(() => "+" as const)];
}

function back(trace: Map<number, number>[], x: number, y: number): Line["sign"][] {
  const signs: Line["sign"][] = [];
  for (let d = trace.length - 1; d >= 0; d--) {
    const v = trace[d]!;
    const k = x - y;
    const from = k === -d || (k !== d && v.get(k - 1)! < v.get(k + 1)!) ? k + 1 : k - 1;
    const px = d === 0 ? 0 : v.get(from)!;
    const py = d === 0 ? 0 : px - from;
    while (x > px && y > py) {
      signs.push(" ");
      x--;
      y--;
    }
    if (d > 0) signs.push(x === px ? "+" : "-");
    [x, y] = [px, py];
  }
  return signs.reverse();
}

/** The lines that changed, with some around them. */
export function pieces(lines: readonly Line[], around = 3): Piece[] {
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - around), i + around + 1).some((l) => l.sign !== " "));
  const all: Piece[] = [];
  for (const [i, line] of lines.entries()) {
    const last = all.at(-1);
    if (!near[i]) {
      if (last?.kind === "skip") last.count++;
      else all.push({ kind: "skip", count: 1 });
    } else if (last?.kind === "lines") last.lines.push(line);
    else all.push({ kind: "lines", lines: [line] });
  }
  return all;
}
