// Which other objects an object names: what a pod mounts, where a claim is bound, whom a
// binding is about. Pure.
import type { Ref } from "../state/resource";
import type { KubeObject } from "./object";

export interface Mention {
  title: string; // what they are to it
  refs: Ref[];
}

type Map = Record<string, unknown>;

const map = (v: unknown): Map => (typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Map) : {});
const maps = (v: unknown): Map[] => (Array.isArray(v) ? v.map(map) : []);
const str = (v: unknown): string => (typeof v === "string" ? v : "");

export function mentions(o: KubeObject): Mention[] {
  const namespace = o.metadata.namespace;
  const core = (kind: string, name: unknown, ns: string | undefined = namespace): Ref[] => (str(name) ? [{ apiVersion: "v1", kind, namespace: ns, name: str(name) }] : []);
  const cluster = (apiVersion: string, kind: string, name: unknown): Ref[] => (str(name) ? [{ apiVersion, kind, name: str(name) }] : []);
  const spec = map(o.spec);
  const template = podSpec(o);
  const found: Mention[] = [];
  const add = (title: string, refs: Ref[]): void => {
    const kept = new globalThis.Map(refs.map((r) => [`${r.apiVersion} ${r.kind} ${r.namespace ?? ""} ${r.name}`, r]));
    if (kept.size > 0) found.push({ title, refs: [...kept.values()] });
  };
  if (template) {
    add("Runs on", o.kind === "Pod" ? cluster("v1", "Node", spec.nodeName) : []);
    add("Uses", inPod(template, core));
    add("Acts as", core("ServiceAccount", template.serviceAccountName));
    add("Class", cluster("scheduling.k8s.io/v1", "PriorityClass", template.priorityClassName));
  }
  switch (o.kind) {
    case "PersistentVolumeClaim":
      add("Bound to", cluster("v1", "PersistentVolume", spec.volumeName));
      add("Class", cluster("storage.k8s.io/v1", "StorageClass", spec.storageClassName));
      break;
    case "PersistentVolume":
      add("Bound to", core("PersistentVolumeClaim", map(spec.claimRef).name, str(map(spec.claimRef).namespace)));
      add("Class", cluster("storage.k8s.io/v1", "StorageClass", spec.storageClassName));
      break;
    case "RoleBinding":
    case "ClusterRoleBinding": {
      const role = map(o.roleRef);
      add("Grants", str(role.name) ? [{ apiVersion: `${str(role.apiGroup)}/v1`, kind: str(role.kind), namespace: role.kind === "Role" ? namespace : undefined, name: str(role.name) }] : []);
      add("To", maps(o.subjects).filter((s) => s.kind === "ServiceAccount").flatMap((s) => core("ServiceAccount", s.name, str(s.namespace) || namespace)));
      break;
    }
    case "Ingress": {
      const backends = [spec.defaultBackend, ...maps(spec.rules).flatMap((r) => maps(map(r.http).paths).map((p) => p.backend))];
      add("Leads to", backends.flatMap((b) => core("Service", map(map(b).service).name)));
      add("Class", cluster("networking.k8s.io/v1", "IngressClass", spec.ingressClassName));
      add("Certificates", maps(spec.tls).flatMap((t) => core("Secret", t.secretName)));
      break;
    }
    case "HorizontalPodAutoscaler": {
      const t = map(spec.scaleTargetRef);
      add("Scales", str(t.name) ? [{ apiVersion: str(t.apiVersion) || "v1", kind: str(t.kind), namespace, name: str(t.name) }] : []);
      break;
    }
    case "EndpointSlice":
      add("Endpoints", maps(o.endpoints).map((e) => map(e.targetRef)).flatMap((t) => core(str(t.kind), t.name, str(t.namespace) || namespace)));
      break;
    case "Event": {
      const t = map(o.involvedObject);
      add("About", str(t.name) ? [{ apiVersion: str(t.apiVersion) || "v1", kind: str(t.kind), namespace: str(t.namespace) || undefined, name: str(t.name) }] : []);
      break;
    }
  }
  return found;
}

/** The pod that an object is or makes, if it does. */
export function podSpec(o: KubeObject): Map | undefined {
  const spec = map(o.spec);
  if (o.kind === "Pod") return spec;
  const template = map(o.kind === "CronJob" ? map(map(spec.jobTemplate).spec).template : spec.template);
  return template.spec ? map(template.spec) : undefined;
}

function inPod(spec: Map, core: (kind: string, name: unknown) => Ref[]): Ref[] {
  const containers = [...maps(spec.initContainers), ...maps(spec.containers)];
  const env = containers.flatMap((c) => maps(c.env)).map((e) => map(e.valueFrom));
  const sources = containers.flatMap((c) => maps(c.envFrom));
  const volumes = maps(spec.volumes).flatMap((v) => [v, ...maps(map(v.projected).sources)]);
  return [
    ...volumes.flatMap((v) => [...core("ConfigMap", map(v.configMap).name), ...core("Secret", map(v.secret).secretName ?? map(v.secret).name), ...core("PersistentVolumeClaim", map(v.persistentVolumeClaim).claimName)]),
    ...env.flatMap((e) => [...core("ConfigMap", map(e.configMapKeyRef).name), ...core("Secret", map(e.secretKeyRef).name)]),
    ...sources.flatMap((e) => [...core("ConfigMap", map(e.configMapRef).name), ...core("Secret", map(e.secretRef).name)]),
    ...maps(spec.imagePullSecrets).flatMap((s) => core("Secret", s.name)),
  ];
}

/** The labels that an object selects pods by; undefined for none. */
export function selectorOf(o: KubeObject): string | undefined {
  const selector = map(o.spec).selector;
  if (o.kind === "Service" || o.kind === "ReplicationController") return equal(map(selector));
  if (o.kind === "NetworkPolicy" || o.kind === "PodDisruptionBudget") return expression(map(o.kind === "NetworkPolicy" ? map(o.spec).podSelector : selector), o.kind === "NetworkPolicy");
  return undefined;
}

const equal = (labels: Map): string | undefined => Object.entries(labels).map(([k, v]) => `${k}=${str(v)}`).join(",") || undefined;

// A LabelSelector as a query writes it; an empty one selects all, where that is meant.
function expression(s: Map, all: boolean): string | undefined {
  const parts = [equal(map(s.matchLabels)) ?? "", ...maps(s.matchExpressions).map((e) => {
    const values = (Array.isArray(e.values) ? e.values : []).join(",");
    const key = str(e.key);
    return { In: `${key} in (${values})`, NotIn: `${key} notin (${values})`, Exists: key, DoesNotExist: `!${key}` }[str(e.operator)] ?? "";
  })].filter(Boolean);
  return parts.length > 0 ? parts.join(",") : all ? "" : undefined;
}
