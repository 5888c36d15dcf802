// How well what is typed fits a text: each of its words has to be found in it, as it
// stands or, less well, its letters in their order. Beginnings of words count more.

export interface Fit {
  score: number;
  marks: ReadonlySet<number>; // indices of the letters that fit
}

const START = /[\s/,.:_-]/;

/** Null if a word does not fit. */
export function fit(query: string, text: string): Fit | null {
  const marks = new Set<number>();
  let score = 0;
  const lower = text.toLowerCase();
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const found = whole(word, lower) ?? letters(word, lower);
    if (!found) return null;
    score += found.score;
    for (const i of found.at) marks.add(i);
  }
  return { score: score - text.length / 100, marks };
}

const starts = (text: string, at: number): boolean => at === 0 || START.test(text[at - 1]!);

function whole(word: string, text: string): { score: number; at: number[] } | null {
  let best = -1;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (best < 0) best = at;
    if (starts(text, at)) {
      best = at;
      break;
    }
  }
  if (best < 0) return null;
  const score = best === 0 ? 12 : starts(text, best) ? 10 : 6;
  return { score: score + word.length / 10, at: [...word].map((_, i) => best + i) };
}

// Letters in their order count if they begin words or follow each other: else anything fits.
function letters(word: string, text: string): { score: number; at: number[] } | null {
  const at: number[] = [];
  let good = 0;
  for (const letter of word) {
    const from = (at.at(-1) ?? -1) + 1;
    let next = text[from] === letter && from > 0 ? from : -1;
    for (let i = text.indexOf(letter, from); next < 0 && i >= 0; i = text.indexOf(letter, i + 1)) if (starts(text, i)) next = i;
    if (next < 0) next = text.indexOf(letter, from);
    if (next < 0) return null;
    if (starts(text, next) || next === from) good++;
    at.push(next);
  }
  return good >= word.length * 0.7 ? { score: (3 * good) / word.length, at } : null;
}
