// The kinds of the session's API, as it tells them itself (aggregated discovery, KEP-3352):
// grouped for people, and found by apiVersion and kind.
import { signal } from "@preact/signals-core";
import { kube } from "../state/kubernetes";
import type { Ref } from "../state/resource";

export const SECTIONS = ["Workloads", "Network", "Config and storage", "Access", "Cluster", "Custom"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Kind {
  key: string; // resource.group, as in "deployments.apps"; "pods" in the core group
  group: string;
  version: string;
  kind: string;
  resource: string;
  singular: string;
  short: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  verbs: readonly string[];
  subresources: readonly string[];
  section: Section;
}

export const kinds = signal<readonly Kind[]>([]);
export const namespaces = signal<readonly string[]>([]);
export const trouble = signal(""); // why there are no kinds

interface Discovered {
  items?: {
    metadata: { name?: string };
    versions?: {
      version: string;
      resources?: {
        resource: string;
        responseKind?: { group: string; version: string; kind: string };
        scope: string;
        singularResource: string;
        verbs: string[];
        shortNames?: string[] | null;
        categories?: string[] | null;
        subresources?: { subresource: string }[];
      }[];
    }[];
  }[];
}

const ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
const METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";

let last = ""; // what discovery said, to draw nothing anew that is the same
let asking: Promise<void> | null = null;

/** Asks what kinds and namespaces there are now. Whoever asks meanwhile gets the same answer. */
export function discover(): Promise<void> {
  asking ??= look().finally(() => (asking = null));
  return asking;
}

async function look(): Promise<void> {
  try {
    const ask = async (path: string, accept: string) => (await kube(path, { accept })).text();
    const [core, groups, spaces] = await Promise.all([ask("/api", ACCEPT), ask("/apis", ACCEPT), ask("/api/v1/namespaces", METADATA).catch(() => "{}")]);
    const text = core + groups;
    if (text !== last) kinds.value = [core, groups].flatMap((t) => read(JSON.parse(t) as Discovered));
    last = text;
    const names = ((JSON.parse(spaces) as { items?: { metadata: { name: string } }[] }).items ?? []).map((n) => n.metadata.name).sort();
    if (names.join() !== namespaces.peek().join()) namespaces.value = names;
    trouble.value = "";
  } catch (e) {
    trouble.value = e instanceof Error ? e.message : String(e);
  }
}

/** What can be listed, of each resource the version that the API names first. Pure. */
export function read(d: Discovered): Kind[] {
  const found = new Map<string, Kind>();
  for (const g of d.items ?? []) {
    const group = g.metadata.name ?? "";
    for (const v of g.versions ?? []) {
      for (const r of v.resources ?? []) {
        const key = group ? `${r.resource}.${group}` : r.resource;
        const twin = group === "events.k8s.io"; // the core group's events, once more
        if (found.has(key) || !r.verbs.includes("list") || !r.responseKind || twin) continue;
        found.set(key, {
          key, group, version: v.version, kind: r.responseKind.kind, resource: r.resource, singular: r.singularResource, short: r.shortNames ?? [], categories: r.categories ?? [],
          namespaced: r.scope === "Namespaced", verbs: r.verbs, subresources: (r.subresources ?? []).map((s) => s.subresource), section: sectionOf(group, r.resource),
        });
      }
    }
  }
  return [...found.values()];
}

const OF_CORE: Record<string, Section> = {
  pods: "Workloads", replicationcontrollers: "Workloads", podtemplates: "Workloads", services: "Network", endpoints: "Network", configmaps: "Config and storage", secrets: "Config and storage",
  persistentvolumes: "Config and storage", persistentvolumeclaims: "Config and storage", resourcequotas: "Config and storage", limitranges: "Config and storage", serviceaccounts: "Access",
};
const OF_GROUP: Record<string, Section> = {
  apps: "Workloads", batch: "Workloads", autoscaling: "Workloads", policy: "Workloads", "networking.k8s.io": "Network", "discovery.k8s.io": "Network", "gateway.networking.k8s.io": "Network",
  "storage.k8s.io": "Config and storage", "resource.k8s.io": "Config and storage", "rbac.authorization.k8s.io": "Access", "certificates.k8s.io": "Access",
};

function sectionOf(group: string, resource: string): Section {
  if (group === "") return OF_CORE[resource] ?? "Cluster";
  return OF_GROUP[group] ?? (group.endsWith(".k8s.io") ? "Cluster" : "Custom");
}

/** Kinds that people look at first come first in their section; the others by name. */
const FIRST = ["pods", "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch", "services", "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io",
  "configmaps", "secrets", "persistentvolumeclaims", "persistentvolumes", "serviceaccounts", "nodes", "namespaces", "events"];
const rank = (k: Kind) => (FIRST.indexOf(k.key) + FIRST.length + 1) % (FIRST.length + 1);
export const inOrder = (a: Kind, b: Kind): number => rank(a) - rank(b) || a.kind.localeCompare(b.kind) || a.key.localeCompare(b.key);

export const groupOf = (apiVersion: string): string => (apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "");
export const versionOf = (k: Kind): string => (k.group ? `${k.group}/${k.version}` : k.version);

/** The kind that an apiVersion and a kind name, in whichever version it is listed here. */
export function kindOf(apiVersion: string, kind: string): Kind | undefined {
  const group = groupOf(apiVersion);
  return kinds.value.find((k) => k.group === group && k.kind === kind);
}

/** The kind of an object; asks for kinds anew if it is not among those that are known. */
export async function findKind(ref: Pick<Ref, "apiVersion" | "kind">): Promise<Kind | undefined> {
  const known = kindOf(ref.apiVersion, ref.kind);
  if (known) return known;
  await discover();
  return kindOf(ref.apiVersion, ref.kind);
}

/** Where the API has a kind's objects, or one of them. */
export function pathOf(k: Kind, namespace?: string, name?: string): string {
  const root = k.group ? `/apis/${k.group}/${k.version}` : `/api/${k.version}`;
  const space = k.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${space}/${k.resource}${name ? `/${encodeURIComponent(name)}` : ""}`;
}

/** Whether what somebody types means this kind: its name, its plural, a short name, or its group. */
export function means(k: Kind, typed: string): boolean {
  const t = typed.trim().toLowerCase();
  return k.kind.toLowerCase().includes(t) || k.key.includes(t) || k.short.includes(t);
}
