// What the editor knows of the session's cluster: kinds by discovery, schemas by OpenAPI v3,
// names of live objects. Each is asked for when it is first needed, and kept.
import { effect } from "@preact/signals-core";
import { kubeJSON } from "../../state/kubernetes";
import { vertices } from "../../state/store";
import { applied } from "../text";
import type { Kind, Known, Name } from "./options";
import { type Path, type Place, objectOf, valueAt } from "./place";
import { isSelector, localLabels, localNames, type Reference, referenceAt } from "./references";
import type { OpenAPI } from "./schema";

interface GroupList {
  items?: { metadata?: { name?: string }; versions: { version: string; resources?: { resource: string; responseKind?: { kind: string }; scope: string; verbs: string[] }[] }[] }[];
}

interface Served {
  kinds: Kind[];
  paths: Record<string, { serverRelativeURL: string }>;
  at: number;
}

/** Definitions come and go: what is older than this, in milliseconds, is asked for again. */
const FRESH = 10_000;
const NAMES_FRESH = 3_000;

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
let served: Promise<Served> | null = null;
let since = 0;
const documents = new Map<string, { url: string; doc: Promise<OpenAPI> }>();
const lists = new Map<string, { at: number; all: Promise<Item[]> }>();

// A definition that was just applied is asked for at once.
effect(() => {
  const a = applied.value;
  if (a.kind !== "results") return;
  lists.clear();
  if (a.results.some((r) => r.object?.kind === "CustomResourceDefinition" && !r.errors?.length)) since = 0;
});

async function discover(): Promise<Served> {
  const [core, groups, openapi] = await Promise.all([
    kubeJSON<GroupList>("/api", { accept: aggregated }),
    kubeJSON<GroupList>("/apis", { accept: aggregated }),
    kubeJSON<{ paths: Served["paths"] }>("/openapi/v3"),
  ]);
  const kinds = [...(core.items ?? []), ...(groups.items ?? [])].flatMap((g) => g.versions.flatMap((v) => (v.resources ?? [])
    .filter((r) => r.responseKind && r.verbs.includes("create"))
    .map((r): Kind => ({ apiVersion: g.metadata?.name ? `${g.metadata.name}/${v.version}` : v.version, kind: r.responseKind!.kind, resource: r.resource, namespaced: r.scope === "Namespaced" }))));
  return { kinds, paths: openapi.paths, at: Date.now() };
}

/** What is served now, or was a moment ago. */
async function serves(): Promise<Served> {
  if (served && Date.now() - since < FRESH) return served;
  since = Date.now();
  const next = discover();
  const before = served;
  served = next;
  next.catch(() => {
    if (served === next) served = before;
    since = 0;
  });
  return next;
}

async function document(apiVersion: string): Promise<OpenAPI | undefined> {
  const at = (await serves()).paths[apiVersion.includes("/") ? `apis/${apiVersion}` : `api/${apiVersion}`];
  if (!at) return undefined;
  const kept = documents.get(apiVersion);
  if (kept?.url === at.serverRelativeURL) return kept.doc;
  // The address has a hash of what is there, so the browser keeps it as long as it likes.
  const doc = kubeJSON<OpenAPI>(at.serverRelativeURL);
  documents.set(apiVersion, { url: at.serverRelativeURL, doc });
  doc.catch(() => documents.delete(apiVersion));
  return doc;
}

interface Item {
  metadata: { name: string; labels?: Record<string, string> };
  data?: Record<string, string>;
  spec?: { ports?: { port: number; name?: string }[] };
}

function list(r: Reference, namespace: string): Promise<Item[]> {
  const root = r.apiVersion.includes("/") ? `/apis/${r.apiVersion}` : `/api/${r.apiVersion}`;
  const path = `${root}${r.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : ""}/${r.resource}?limit=500`;
  const accept = r.of ? undefined : "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
  const key = `${path} ${r.of ?? ""}`;
  const kept = lists.get(key);
  if (kept && Date.now() - kept.at < NAMES_FRESH) return kept.all;
  const all = kubeJSON<{ items?: Item[] }>(path, { accept }).then((l) => l.items ?? [], () => []);
  lists.set(key, { at: Date.now(), all });
  return all;
}

async function names(place: Place, path: Path): Promise<Name[]> {
  const selector = isSelector(place.doc, path);
  if (selector) return labels(place, selector.key);
  const local = localNames(place, path);
  const reference = referenceAt(place.doc, path);
  if (!reference) return local;
  const namespace = valueAt(place.doc, [...objectOf(place.doc, path), "metadata", "namespace"]) || "default";
  const items = await list(reference, namespace);
  if (reference.of) {
    const item = items.find((i) => i.metadata.name === reference.name);
    const found = reference.of === "keys" ? Object.keys(item?.data ?? {}) : (item?.spec?.ports ?? []).map((p) => String(p.port));
    return [...local, ...found.map((name) => ({ name, what: `of ${reference.name}` }))];
  }
  return [...local, ...items.map((i) => ({ name: i.metadata.name, what: reference.resource }))];
}

// Of pods, which the page knows already, and of the text itself.
function labels(place: Place, key: string | undefined): Name[] {
  const pods = [...vertices.peek().values()].filter((v) => v.kind === "Pod").flatMap((v) => Object.entries(v.labels ?? {}));
  const all = [...localLabels(place.doc), ...pods];
  const found = key === undefined ? all.map(([k]) => k) : all.filter(([k]) => k === key).map(([, v]) => v);
  return found.filter((name) => !place.siblings.has(name)).map((name) => ({ name, what: "label of pods" }));
}

export const cluster: Known = { kinds: async () => (await serves()).kinds, document, names };
