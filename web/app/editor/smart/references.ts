// Fields that name something else: which, by their path. Pure.
import { begins, type Doc, objectOf, type Path, type Place, valueAt } from "./place";

/** Objects that a field names. */
export interface Reference {
  apiVersion: string;
  resource: string;
  namespaced: boolean;
  /** Wanted is not the object's name, but the keys of its data, or its ports. */
  of?: "keys" | "ports";
  name?: string; // of the object, for of
}

const core = (resource: string, namespaced = true): Reference => ({ apiVersion: "v1", resource, namespaced });

// The ends of paths; * is an item's index or any key.
const table: [string, Reference][] = [
  ["metadata.namespace", core("namespaces", false)],
  ["subjects.*.namespace", core("namespaces", false)],
  ["configMapKeyRef.name", core("configmaps")],
  ["configMapRef.name", core("configmaps")],
  ["configMap.name", core("configmaps")],
  ["secretKeyRef.name", core("secrets")],
  ["secretRef.name", core("secrets")],
  ["secret.name", core("secrets")],
  ["secretName", core("secrets")],
  ["imagePullSecrets.*.name", core("secrets")],
  ["certificateRefs.*.name", core("secrets")],
  ["serviceAccountName", core("serviceaccounts")],
  ["serviceName", core("services")],
  ["backend.service.name", core("services")],
  ["defaultBackend.service.name", core("services")],
  ["backendRefs.*.name", core("services")],
  ["claimName", core("persistentvolumeclaims")],
  ["volumeName", core("persistentvolumes", false)],
  ["nodeName", core("nodes", false)],
  ["kubernetes.io/hostname", core("nodes", false)],
  ["storageClassName", { apiVersion: "storage.k8s.io/v1", resource: "storageclasses", namespaced: false }],
  ["ingressClassName", { apiVersion: "networking.k8s.io/v1", resource: "ingressclasses", namespaced: false }],
  ["gatewayClassName", { apiVersion: "gateway.networking.k8s.io/v1", resource: "gatewayclasses", namespaced: false }],
  ["parentRefs.*.name", { apiVersion: "gateway.networking.k8s.io/v1", resource: "gateways", namespaced: true }],
  ["priorityClassName", { apiVersion: "scheduling.k8s.io/v1", resource: "priorityclasses", namespaced: false }],
  ["runtimeClassName", { apiVersion: "node.k8s.io/v1", resource: "runtimeclasses", namespaced: false }],
  ["scaleTargetRef.name", { apiVersion: "apps/v1", resource: "deployments", namespaced: true }],
];

const keyed: [string, Reference][] = [
  ["configMapKeyRef.key", core("configmaps")],
  ["secretKeyRef.key", core("secrets")],
  ["configMap.items.*.key", core("configmaps")],
  ["backend.service.port.number", { ...core("services"), of: "ports" }],
  ["backendRefs.*.port", { ...core("services"), of: "ports" }],
];

/** What the field at path refers to. */
export function referenceAt(doc: Doc, path: Path): Reference | undefined {
  for (const [pattern, reference] of keyed) {
    if (!ends(path, pattern)) continue;
    const holder = path.slice(0, path.length - pattern.split(".").length);
    const above = pattern.split(".").slice(0, pattern.startsWith("backend.") ? 2 : pattern.startsWith("backendRefs") ? 2 : 1);
    const name = valueAt(doc, [...holder, ...above.map((step, i) => (step === "*" ? path[holder.length + i]! : step)), "name"]);
    return name ? { ...reference, of: reference.of ?? "keys", name } : undefined;
  }
  return table.find(([pattern]) => ends(path, pattern))?.[1];
}

function ends(path: Path, pattern: string): boolean {
  const steps = pattern === "kubernetes.io/hostname" ? [pattern] : pattern.split(".");
  const tail = path.slice(-steps.length);
  return tail.length === steps.length && steps.every((s, i) => s === "*" || s === tail[i]);
}

/** Whether path is a selector of pods by labels: the mapping itself, or the key of one label. */
export function isSelector(doc: Doc, path: Path): { key?: string } | undefined {
  const kind = valueAt(doc, [...objectOf(doc, path), "kind"]);
  for (const [end, key] of [[path.length, undefined], [path.length - 1, path.at(-1)]] as const) {
    const at = path.slice(0, Math.max(0, end));
    const label = at.at(-1) === "matchLabels" || (at.at(-1) === "selector" && (kind === "Service" || kind === "ReplicationController"));
    if (label && !at.includes("namespaceSelector") && !at.includes("nodeSelector")) return key === undefined ? {} : { key: String(key) };
  }
  return undefined;
}

/** Names that stand in the same document, for a field that means one of them: of volumes, of ports. */
export function localNames(place: Pick<Place, "doc">, path: Path): { name: string; what: string }[] {
  const { entries } = place.doc;
  const spec = path.indexOf("containers") >= 0 ? path.slice(0, path.indexOf("containers")) : path.indexOf("initContainers") >= 0 ? path.slice(0, path.indexOf("initContainers")) : undefined;
  if (spec && ends(path, "volumeMounts.*.name")) {
    return entries.filter((e) => e.path.length === spec.length + 3 && begins(e.path, [...spec, "volumes"]) && e.path.at(-1) === "name" && e.value).map((e) => ({ name: e.value, what: "volume" }));
  }
  if (ends(path, "httpGet.port") || ends(path, "tcpSocket.port")) {
    const container = path.slice(0, (path.lastIndexOf("containers") >= 0 ? path.lastIndexOf("containers") : path.lastIndexOf("initContainers")) + 2);
    return entries.filter((e) => e.path.length === container.length + 3 && begins(e.path, [...container, "ports"]) && (e.path.at(-1) === "name" || e.path.at(-1) === "containerPort") && e.value).map((e) => ({ name: e.value, what: "container port" }));
  }
  return [];
}

/** Labels of pods that the document describes itself: of a template. */
export function localLabels(doc: Doc): [string, string][] {
  return doc.entries.filter((e) => e.path.at(-2) === "labels" && e.path.at(-3) === "metadata" && e.value !== "").map((e) => [String(e.path.at(-1)), e.value]);
}
