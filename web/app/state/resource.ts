// Which object of the API the details show, on the map or not, and which side of it.
import { batch, computed, signal } from "@preact/signals-core";
import type { Vertex } from "../model";
import { object, objectID, view } from "./selection";
import { vertices } from "./store";
import { idOf } from "./text";

export interface Ref {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
}

export type Side = "overview" | "yaml" | "data" | "logs" | "events" | "related";

/** The object that is looked at and not on the map. */
const away = signal<Ref | null>(null);
export const side = signal<Side>("overview");

const VERSIONS: Record<string, string> = {
  Pod: "v1", Service: "v1", Node: "v1", ReplicationController: "v1", Deployment: "apps/v1", ReplicaSet: "apps/v1", StatefulSet: "apps/v1", DaemonSet: "apps/v1", Job: "batch/v1", CronJob: "batch/v1",
  Ingress: "networking.k8s.io/v1", NetworkPolicy: "networking.k8s.io/v1", Gateway: "gateway.networking.k8s.io/v1", HTTPRoute: "gateway.networking.k8s.io/v1", GRPCRoute: "gateway.networking.k8s.io/v1",
};
const groupOf = (version: string) => version.slice(0, Math.max(0, version.indexOf("/")));

/** What the API calls a vertex; undefined for what it does not have: the client, the underlay. */
export function refOf(v: Vertex): Ref | undefined {
  const apiVersion = VERSIONS[v.kind];
  return apiVersion ? { apiVersion, kind: v.kind, namespace: v.namespace, name: v.name } : undefined;
}

/** The vertex of an object, whether or not there is one. Another group's kind of the same name has none. */
export function vertexOf(ref: Ref): string {
  const own = VERSIONS[ref.kind];
  const id = idOf({ kind: ref.kind, namespace: ref.namespace ?? "", name: ref.name });
  return own && groupOf(own) === groupOf(ref.apiVersion) ? id : `${groupOf(ref.apiVersion)}/${id}`;
}

export const onMap = (ref: Ref): boolean => vertices.value.has(vertexOf(ref));

/** The object that the details show, if it is one of the API's. */
export const shownRef = computed<Ref | undefined>(() => {
  if (view.value !== "object") return undefined;
  if (object.value) return refOf(object.value);
  return away.value && vertexOf(away.value) === objectID.value ? away.value : undefined;
});

/** Shows an object in the details: as the map's where it is there. */
export function showResource(ref: Ref, at?: Side): void {
  batch(() => {
    away.value = ref;
    objectID.value = vertexOf(ref);
    view.value = "object";
    if (at) side.value = at;
  });
}

const SIDES: Record<Side, string> = { overview: "Overview", yaml: "YAML", data: "Data", logs: "Logs", events: "Events", related: "Related" };
const WITH_LOGS = ["Pod", "ReplicationController", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"];

/** The sides that a kind of object has, and what they are called. */
export function sidesOf(ref: Ref): [Side, string][] {
  const core = !ref.apiVersion.includes("/");
  const has: Record<Side, boolean> = {
    overview: true, yaml: true, events: true, related: true,
    data: core && (ref.kind === "ConfigMap" || ref.kind === "Secret"),
    logs: WITH_LOGS.includes(ref.kind) && vertexOf(ref).split("/").length === 3,
  };
  return (Object.entries(SIDES) as [Side, string][]).filter(([s]) => has[s]);
}

/** The side that is shown: the one that was chosen, if this object has it. */
export const shownSide = computed<Side>(() => (shownRef.value && sidesOf(shownRef.value).some(([s]) => s === side.value) ? side.value : "overview"));
