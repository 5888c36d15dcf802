// What the table of sessions says of each, and how it sorts.
import type { OperatorSession } from "../model";

export interface Column {
  name: string;
  text: (s: OperatorSession, now: number) => string;
  value: (s: OperatorSession) => number | string;
  number?: boolean;
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${n >= 100 || i === 0 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

/** A duration as people say it: 45 s, 12 min, 3 h 5 min. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  const m = Math.round(s / 60);
  return m < 60 ? `${m} min` : `${Math.floor(m / 60)} h ${m % 60} min`;
}

const since = (text: string, now: number) => span((now - Date.parse(text)) / 1000);
const count = (name: string, key: "nodes" | "containers" | "objects" | "processes" | "viewers" | "refused" | "breaches"): Column => ({
  name, number: true, text: (s) => String(s[key]), value: (s) => s[key],
});

export const columns: Column[] = [
  { name: "Session", text: (s) => s.session, value: (s) => s.session },
  { name: "State", text: (s) => s.state, value: (s) => s.state },
  { name: "Age", number: true, text: (s, now) => since(s.born, now), value: (s) => -Date.parse(s.born) },
  { name: "Left", number: true, text: (s, now) => span((Date.parse(s.until) - now) / 1000), value: (s) => Date.parse(s.until) },
  { name: "Owner", text: (s) => s.owner ?? "", value: (s) => s.owner ?? "" },
  { name: "CPU", number: true, text: (s) => s.cpu.toFixed(2), value: (s) => s.cpu },
  { name: "Memory", number: true, text: (s) => bytes(s.memory), value: (s) => s.memory },
  count("Nodes", "nodes"),
  count("Containers", "containers"),
  count("Processes", "processes"),
  count("Objects", "objects"),
  count("Viewers", "viewers"),
  { name: "Journal", number: true, text: (s) => bytes(s.journal), value: (s) => s.journal },
  { name: "API", number: true, text: (s) => span(s.asked), value: (s) => s.asked },
  count("Refused", "refused"),
  count("Rules broken", "breaches"),
];

/** Sorted by a column; equal ones stay as they were. */
export function sorted(all: OperatorSession[], by: number, down: boolean): OperatorSession[] {
  const value = columns[by]!.value;
  const sign = down ? -1 : 1;
  return [...all].sort((a, b) => {
    const x = value(a), y = value(b);
    return x < y ? -sign : x > y ? sign : 0;
  });
}
