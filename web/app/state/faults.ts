// What is broken on purpose, and how to break and mend it. What comes of it arrives
// on the stream.
import { computed } from "@preact/signals-core";
import type { Fault, FaultSettings, Vertex } from "../model";
import * as api from "./api";
import { change } from "./cluster";
import { DNS, faultID } from "./faultkinds";
import { session } from "./store";
import { nameOf } from "./text";

export { DNS, faultID };

export const faults = computed<readonly Fault[]>(() => session.value?.faults ?? []);

export const faultsOf = (vertex: string): Fault[] => faults.value.filter((f) => f.target === vertex);

/** Whether a node is cut off: the API learns of it later. */
export const isCutOff = (v: Vertex): boolean => faults.value.some((f) => f.kind === "cut" && f.target === v.id);

/** What is broken, as a list says it: "node-2, link". */
export function subjectOf(f: Fault): string {
  if (f.kind === "dns") return "DNS";
  return f.kind === "link" ? `${nameOf(f.target)}, link` : nameOf(f.target);
}

/** What a change is about, for the answer to be shown beside it. */
export const aboutOf = (target: string): string => `fault ${target}`;

export const breakIt = (kind: string, target: string, settings: FaultSettings): Promise<void> =>
  change(aboutOf(target), `${nameOf(target)} is broken`, () => api.putFault(faultID(kind, target), settings));

export const mend = (f: Fault): Promise<void> =>
  change(aboutOf(f.target), `${subjectOf(f)} is mended`, () => api.deleteFault(f.id), () => breakAgain([f]));

export function mendAll(): Promise<void> {
  const was = faults.peek();
  return change(aboutOf("all"), "Everything is mended", () => api.deleteFault(""), () => breakAgain(was));
}

async function breakAgain(all: readonly Fault[]): Promise<void> {
  for (const f of all) await breakIt(f.kind, f.target, f.settings ?? {});
}

export const kill = (pod: string, container: string): Promise<void> =>
  change(aboutOf(pod), `${container} of ${nameOf(pod)} was killed`, () => api.kill({ pod, container }));
