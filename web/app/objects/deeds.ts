// What is done to objects, by the API: scaled, restarted, deleted. Each tells of itself, and
// how to undo it where that gives back what there was.
import { ask } from "../state/ask";
import { kube, kubeJSON } from "../state/kubernetes";
import { type Ref, vertexOf } from "../state/resource";
import { vertices } from "../state/store";
import { plural } from "../state/text";
import { toast } from "../state/toast";
import { type Kind, pathOf } from "./discovery";
import type { KubeObject } from "./object";

const MERGE = "application/merge-patch+json";

/** Kinds that kubectl rollout restart restarts. */
export const RESTARTED: readonly string[] = ["deployments.apps", "statefulsets.apps", "daemonsets.apps"];

const named = (ref: Ref): string => `${ref.kind} ${ref.name}`;

/** How many replicas are wanted now, by the scale subresource. */
export async function scaleOf(ref: Ref, kind: Kind): Promise<number> {
  const s = await kubeJSON<{ spec?: { replicas?: number } }>(`${pathOf(kind, ref.namespace, ref.name)}/scale`);
  return s.spec?.replicas ?? 0;
}

export async function scale(ref: Ref, kind: Kind, replicas: number, before: number): Promise<void> {
  const set = async (n: number): Promise<void> => void (await kube(`${pathOf(kind, ref.namespace, ref.name)}/scale`, { method: "PATCH", type: MERGE, body: JSON.stringify({ spec: { replicas: n } }) }));
  await set(replicas);
  toast(`${named(ref)} is scaled to ${replicas}`, { undo: () => set(before) });
}

/** As kubectl rollout restart: an annotation of the template, which makes it another one. */
export async function restart(ref: Ref, kind: Kind): Promise<void> {
  const body = { spec: { template: { metadata: { annotations: { "kubectl.kubernetes.io/restartedAt": new Date().toISOString() } } } } };
  await kube(pathOf(kind, ref.namespace, ref.name), { method: "PATCH", type: "application/strategic-merge-patch+json", body: JSON.stringify(body) });
  toast(`${named(ref)} restarts: its pods are replaced`);
}

/** Asks whether an object is to go, and deletes it. */
export async function askDelete(ref: Ref, kind: Kind): Promise<void> {
  const path = pathOf(kind, ref.namespace, ref.name);
  const o = await kubeJSON<KubeObject>(path);
  const back = undoable(ref, o);
  const also = withIt(ref);
  const yes = await ask({
    title: `Delete ${named(ref)}${also ? ` and ${also}` : ""}?`,
    text: [ref.namespace ? `In namespace ${ref.namespace}.` : "", warning(kind, o), back ? "Its manifest can be applied again afterwards." : "This cannot be undone."].filter(Boolean).join(" "),
    yes: "Delete",
    danger: true,
  });
  if (!yes) return;
  await kube(path, { method: "DELETE", type: "application/json", body: JSON.stringify({ kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" }) });
  const parent = path.slice(0, path.lastIndexOf("/"));
  toast(`${named(ref)} is deleted`, back ? { undo: async () => void (await kube(parent, { method: "POST", body: JSON.stringify(back) })) } : {});
}

/** What goes with an object, as the map knows it: "3 pods"; "" for nothing. */
export function withIt(ref: Ref): string {
  const all = [...vertices.peek().values()];
  if (ref.kind === "Namespace") {
    const inside = all.filter((v) => v.namespace === ref.name).length;
    return inside > 0 ? `all that is in it (${plural(inside, "object")} on the map)` : "all that is in it";
  }
  const gone = new Set([vertexOf(ref)]);
  for (let size = 0; size !== gone.size; ) {
    size = gone.size;
    for (const v of all) if (v.owner && gone.has(v.owner)) gone.add(v.id);
  }
  const of = (kind: string) => all.filter((v) => v.kind === kind && gone.has(v.id) && v.id !== vertexOf(ref)).length;
  const [jobs, pods] = [of("Job"), of("Pod")];
  return [jobs ? `its ${plural(jobs, "job")}` : "", pods ? `its ${plural(pods, "pod")}` : ""].filter(Boolean).join(" and ");
}

function warning(kind: Kind, o: KubeObject): string {
  if (kind.key === "customresourcedefinitions.apiextensions.k8s.io") return "All objects of the kind go with it.";
  if (o.metadata.finalizers?.length) return `It waits for its finalizers: ${o.metadata.finalizers.join(", ")}.`;
  const owner = o.metadata.ownerReferences?.find((r) => r.controller);
  return owner ? `${owner.kind} ${owner.name} owns it, and may make another.` : "";
}

// The manifest that would make the object again. Not of what is more than its manifest: pods,
// which run, what somebody else makes anew, and what takes others with it.
function undoable(ref: Ref, o: KubeObject): object | null {
  if (["Pod", "Namespace", "Node", "CustomResourceDefinition", "PersistentVolume", "PersistentVolumeClaim", "Job", "Event"].includes(ref.kind)) return null;
  if (o.metadata.ownerReferences?.length || o.metadata.deletionTimestamp) return null;
  const { status: _status, ...rest } = o;
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, managedFields: _managed, generation: _generation, ...metadata } = rest.metadata as KubeObject["metadata"] & { generation?: number };
  return { ...rest, metadata };
}
