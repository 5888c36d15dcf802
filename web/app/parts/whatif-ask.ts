// What is tried, and what the server said of it.
import { computed, signal } from "@preact/signals-core";
import { applyNow, applied, text } from "../editor/text";
import type { PolicyVerdict, ReachGroup, ReachTarget, WhatIf } from "../model";
import { announce } from "../state/announce";
import { Problem, whatIf } from "../state/api";
import { vertices } from "../state/store";
import { nameOf, plural } from "../state/text";

/** How things are, the editor's policies, or the deletion of one: namespace/name. */
export type Trial = { kind: "now" } | { kind: "editor"; text: string } | { kind: "delete"; policy: string };

export const trial = signal<Trial>({ kind: "now" });
export const asking = signal(false);
export const problem = signal("");
export const answer = signal<WhatIf | null>(null);
/** When it was asked, in milliseconds since the epoch. */
export const asked = signal(0);
/** Filters of the table. */
export const namespace = signal("");
export const onlyChanges = signal(false);

export interface Cell {
  group: ReachGroup;
  target: ReachTarget;
  before: PolicyVerdict;
  after: PolicyVerdict;
  change: "" | "cut" | "allowed";
}
export interface Row {
  group: ReachGroup;
  cells: Cell[];
}
export interface Table {
  targets: ReachTarget[];
  rows: Row[];
  hidden: number; // columns, because there are too many
}

/** More cells than these, and drawing them is slow. */
const MOST = 3000;

/** Names of the policies that there are, namespace/name. */
export const policies = computed(() => [...vertices.value.values()].filter((v) => v.kind === "NetworkPolicy").map((v) => `${v.namespace}/${v.name}`).sort());

export const groups = computed(() => answer.value?.reachability.groups ?? []);
export const namespaces = computed(() => [...new Set(groups.value.map((g) => g.namespace).filter((n) => n !== undefined))].sort());

const cells = computed<Row[]>(() => {
  const r = answer.value?.reachability;
  if (!r) return [];
  return (r.groups ?? []).map((group, i) => ({
    group,
    cells: (r.targets ?? []).map((target, k): Cell => {
      const before = r.verdicts![r.before![i]![k]!]!;
      const after = r.after ? r.verdicts![r.after[i]![k]!]! : before;
      return { group, target, before, after, change: before.allowed === after.allowed ? "" : after.allowed ? "allowed" : "cut" };
    }),
  }));
});

export const changes = computed(() => cells.value.flatMap((r) => r.cells).filter((c) => c.change !== "").length);

/** The table as the filters leave it. */
export const table = computed<Table>(() => {
  const ns = namespace.value;
  const only = onlyChanges.value && changes.value > 0;
  const all = answer.value?.reachability.targets ?? [];
  const keep = all.map((t, k) => (ns === "" || groups.value[t.group]?.namespace === ns) && (!only || cells.value.some((r) => r.cells[k]!.change !== "")));
  const rows = cells.value.filter((r) => (ns === "" || r.group.namespace === undefined || r.group.namespace === ns) && (!only || r.cells.some((c, k) => keep[k] && c.change !== "")));
  const fit = Math.max(1, Math.floor(MOST / Math.max(1, rows.length)));
  const shown = all.map((_, k) => k).filter((k) => keep[k]);
  const kept = shown.slice(0, fit);
  return { targets: kept.map((k) => all[k]!), rows: rows.map((r) => ({ group: r.group, cells: kept.map((k) => r.cells[k]!) })), hidden: shown.length - kept.length };
});

/** What the answer depends on, as far as the page knows it. */
const state = computed(() => JSON.stringify([...vertices.value.values()]
  .filter((v) => v.kind === "Pod" || v.kind === "NetworkPolicy" || v.kind === "Node")
  .map((v) => [v.id, v.ips, v.labels, v.rules])));
let then = "";
const answeredFor = signal("");
/** Whether pods or policies have changed since. */
export const stale = computed(() => answer.value !== null && answeredFor.value !== state.value);

let latest = 0;

export async function ask(of: Trial): Promise<void> {
  const turn = ++latest;
  trial.value = of;
  asking.value = true;
  then = state.value;
  try {
    const got = await whatIf(of.kind === "editor" ? { apply: of.text } : of.kind === "delete" ? { delete: [of.policy] } : {});
    if (turn !== latest) return;
    problem.value = "";
    answeredFor.value = then;
    asked.value = Date.now();
    answer.value = got;
    onlyChanges.value = changes.value > 0;
    if (of.kind !== "now") announce(summary());
  } catch (e) {
    if (turn !== latest) return;
    problem.value = e instanceof Problem ? e.message : String(e);
    announce(problem.value);
  } finally {
    if (turn === latest) asking.value = false;
  }
}

export const again = (): Promise<void> => ask(trial.value.kind === "editor" ? { kind: "editor", text: text.value } : trial.value);

/** Applies what stands in the editor, as the editor does. */
export async function applyIt(): Promise<void> {
  await applyNow();
  const a = applied.value;
  if (a.kind === "problem") problem.value = a.text;
  else if (a.kind === "results" && a.results.every((r) => !r.errors?.length)) await ask({ kind: "now" });
  else await again();
}

export function summary(): string {
  const w = answer.value;
  if (!w) return "";
  const t = trial.value;
  if (t.kind === "now") return "How things are now.";
  const tried = (w.results ?? []).filter((r) => !r.errors?.length && r.action !== "ignored").length;
  if (tried === 0) return (w.results ?? []).some((r) => r.errors?.length) ? "Nothing could be tried." : "There is no NetworkPolicy in the editor.";
  const cut = (w.conversations ?? []).filter((c) => c.change === "cut").length;
  const allowed = (w.conversations ?? []).length - cut;
  const what = t.kind === "delete" ? `Without ${nameOf(`networkpolicy/${t.policy}`)}` : `With ${plural(tried, "NetworkPolicy", "NetworkPolicies")} of the editor`;
  if (changes.value + cut + allowed === 0) return `${what}, nothing changes.`;
  return `${what}, ${plural(cut, "conversation")} would be cut and ${allowed} newly allowed; ${plural(changes.value, "cell")} of the table ${changes.value === 1 ? "changes" : "change"}.`;
}
