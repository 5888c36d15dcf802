// What may be changed of a running cluster: its network and its nodes. One change
// at a time; what comes of it arrives on the stream.
import { computed, signal } from "@preact/signals-core";
import type { Vertex } from "../model";
import { announce } from "./announce";
import * as api from "./api";
import { session, vertices } from "./store";

export const MOST_NODES = 5;

/** What is being changed: a node's vertex, "network" or "nodes"; null if nothing is. */
export const changing = signal<string | null>(null);
/** Why the last change did not happen, and what it was about. */
export const refused = signal<{ about: string; text: string } | null>(null);

export const nodes = computed(() =>
  [...vertices.value.values()].filter((v) => v.kind === "Node").sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true })));

/** Whether a node is switched off: its API object learns of it later, and cannot tell it from a broken wire. */
export const isStopped = (v: Vertex): boolean => v.kind === "Node" && (session.value?.stopped ?? []).includes(v.name);

export const isCordoned = (v: Vertex): boolean => v.status?.includes("SchedulingDisabled") ?? false;

export const cni = computed(() => session.value?.options.cni || "routed");

/** Makes one change; what it is about gets the answer if it is refused. With undo, a notice offers that. */
export async function change(about: string, done: string, act: () => Promise<void>, undo?: () => Promise<void>): Promise<void> {
  if (changing.value !== null) return;
  changing.value = about;
  refused.value = null;
  try {
    await act();
    if (undo) void import("./toast").then(({ toast }) => toast(done, { undo }));
    else announce(done);
  } catch (e) {
    refused.value = { about, text: e instanceof api.Problem ? e.message : String(e) };
  } finally {
    changing.value = null;
  }
}

export function switchNetwork(to: string): Promise<void> {
  const was = cni.peek();
  return change("network", `The network is ${to} now`, () => api.change({ cni: to }), () => switchNetwork(was));
}

export const addNode = (): Promise<void> => change("nodes", "A node was added", api.addNode);

export const removeNode = (name: string): Promise<void> =>
  change(`node/${name}`, `${name} was removed`, () => api.removeNode(name));

const past: Record<api.Verb, string> = { cordon: "is cordoned", uncordon: "takes new pods again", stop: "was stopped", start: "was started" };

export const tellNode = (name: string, verb: api.Verb): Promise<void> =>
  change(`node/${name}`, `${name} ${past[verb]}`, () => api.tellNode(name, verb), verb === "stop" ? () => tellNode(name, "start") : undefined);
