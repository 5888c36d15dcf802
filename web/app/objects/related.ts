// <object-related>: who owns an object, what it owns, whom it names and who names it.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { statusOf } from "../parts/objects";
import { kubeJSON, Refusal } from "../state/kubernetes";
import { type Ref, vertexOf } from "../state/resource";
import { vertices } from "../state/store";
import { findKind, type Kind, kinds, pathOf, versionOf } from "./discovery";
import { linkTo } from "./link";
import { type Mention, mentions, podSpec, selectorOf } from "./mentions";
import type { KubeObject } from "./object";
import { SidePart } from "./part";

interface Branch {
  ref: Ref;
  self?: boolean;
  lost?: boolean; // it is named, and not there
  below: Branch[];
}

interface Found {
  tree: Branch;
  mentions: Mention[];
}

// Which kinds own which, by key. A kind that is not here may own any of ANY.
const OWNED: Record<string, string[]> = {
  "deployments.apps": ["replicasets.apps"], "replicasets.apps": ["pods"], replicationcontrollers: ["pods"], "statefulsets.apps": ["pods", "controllerrevisions.apps", "persistentvolumeclaims"],
  "daemonsets.apps": ["pods", "controllerrevisions.apps"], "jobs.batch": ["pods"], "cronjobs.batch": ["jobs.batch"], services: ["endpointslices.discovery.k8s.io"],
  pods: ["persistentvolumeclaims", "resourceclaims.resource.k8s.io"], "gateways.gateway.networking.k8s.io": ["deployments.apps", "services"], nodes: [], namespaces: [], events: [], configmaps: [], secrets: [], persistentvolumes: [], persistentvolumeclaims: [],
};
const ANY = ["pods", "services", "configmaps", "secrets", "deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch", "cronjobs.batch", "persistentvolumeclaims", "ingresses.networking.k8s.io"];
const METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json";
const AGAIN = 1000; // ms between looks, while the cluster changes
const SHOWN = 200; // of one kind of relation
const DEEP = 4;

class ObjectRelated extends SidePart {
  readonly #found = signal<Found | null>(null);
  readonly #trouble = signal("");

  protected begin(kind: Kind): () => void {
    const stop = new AbortController();
    let timer = 0;
    let busy = false;
    let again = false;
    const look = async (): Promise<void> => {
      timer = 0;
      busy = true;
      again = false;
      try {
        this.#found.value = await find(this.ref, kind, stop.signal);
        this.#trouble.value = "";
      } catch (e) {
        if (!stop.signal.aborted) this.#trouble.value = e instanceof Error ? e.message : String(e);
      }
      busy = false;
      if (again && !stop.signal.aborted) timer = window.setTimeout(() => void look(), AGAIN);
    };
    // What owns and is owned is on the map, most of it: when that changes, this may have.
    const end = effect(() => {
      void vertices.value;
      if (busy || timer) again = true;
      else timer = window.setTimeout(() => void look(), this.#found.peek() ? AGAIN : 0);
    });
    return () => {
      end();
      clearTimeout(timer);
      stop.abort();
    };
  }

  protected draw(): TemplateResult {
    const f = this.#found.value;
    if (this.#trouble.value) return html`<p class="bad" role="alert">${this.#trouble.value}</p>`;
    if (!f) return html`<p class="muted" role="status">Asking…</p>`;
    const alone = f.tree.self && f.tree.below.length === 0;
    return html`<h3>Owners and owned</h3>
      ${alone ? html`<p class="muted">Nothing owns it, and it owns nothing.</p>` : html`<ul class="owners">${this.#branch(f.tree)}</ul>`}
      ${f.mentions.map((m) => html`<h3>${m.title}</h3><ul class="plain">${m.refs.slice(0, SHOWN).map((r) => html`<li>${linkTo(r, { kind: true, from: this.ref.namespace })} ${status(r)}</li>`)}</ul>${m.refs.length > SHOWN ? html`<p class="muted">and ${m.refs.length - SHOWN} more</p>` : nothing}`)}`;
  }

  #branch(b: Branch): TemplateResult {
    return html`<li><span class="branch">${b.self ? html`<b aria-current="true">${b.ref.name}</b> <span class="muted">${b.ref.kind}</span>` : linkTo(b.ref, { kind: true, from: this.ref.namespace })} ${b.lost ? html`<span class="bad">does not exist</span>` : status(b.ref)}</span>
      ${b.below.length > 0 ? html`<ul>${b.below.slice(0, SHOWN).map((x) => this.#branch(x))}${b.below.length > SHOWN ? html`<li class="muted">and ${b.below.length - SHOWN} more</li>` : nothing}</ul>` : nothing}</li>`;
  }
}

function status(ref: Ref): TemplateResult | typeof nothing {
  const v = vertices.value.get(vertexOf(ref));
  return v ? statusOf(v) : nothing;
}

async function find(ref: Ref, kind: Kind, signal: AbortSignal): Promise<Found> {
  const o = await kubeJSON<KubeObject>(pathOf(kind, ref.namespace, ref.name), { signal });
  o.kind = kind.kind;
  let tree: Branch = { ref, self: true, below: await owned(o, kind, signal, DEEP) };
  const seen = new Set([o.metadata.uid]);
  for (let at: KubeObject | null = o; at; ) {
    const owner: NonNullable<KubeObject["metadata"]["ownerReferences"]>[number] | undefined = at.metadata.ownerReferences?.find((x) => x.controller) ?? at.metadata.ownerReferences?.[0];
    if (!owner || seen.has(owner.uid)) break;
    seen.add(owner.uid);
    const k = await findKind(owner);
    const up: Ref = { apiVersion: owner.apiVersion, kind: owner.kind, namespace: k?.namespaced === false ? undefined : at.metadata.namespace, name: owner.name };
    at = k ? await kubeJSON<KubeObject>(pathOf(k, up.namespace, up.name), { signal }).catch(missing) : null;
    tree = { ref: up, lost: at === null || at.metadata.uid !== owner.uid, below: [tree] };
  }
  return { tree, mentions: [...mentions(o), ...(await naming(o, signal))] };
}

function missing(e: unknown): null {
  if (e instanceof Refusal && e.code === 404) return null;
  throw e;
}

async function owned(o: KubeObject, kind: Kind, signal: AbortSignal, deep: number): Promise<Branch[]> {
  if (deep === 0) return [];
  const among = kinds.value.filter((k) => (OWNED[kind.key] ? OWNED[kind.key]!.includes(k.key) : ANY.includes(k.key) || k.section === "Custom"));
  const found: { k: Kind; o: KubeObject }[] = [];
  for (const k of among) {
    if (kind.namespaced && !k.namespaced) continue; // a namespaced owner has no such dependents
    for (const x of await list(k, o.metadata.namespace, signal)) if (x.metadata.ownerReferences?.some((r) => r.uid === o.metadata.uid)) found.push({ k, o: x });
  }
  const branches: Branch[] = [];
  for (const f of found.slice(0, SHOWN + 1)) {
    const ends = f.k.key === "pods" || f.k.key === "endpointslices.discovery.k8s.io" || f.k.key === "controllerrevisions.apps";
    branches.push({ ref: { apiVersion: versionOf(f.k), kind: f.k.kind, namespace: f.o.metadata.namespace, name: f.o.metadata.name }, below: ends ? [] : await owned(f.o, f.k, signal, deep - 1) });
  }
  return branches;
}

async function list(k: Kind, namespace: string | undefined, signal: AbortSignal, query: Record<string, string> = {}, accept = METADATA): Promise<KubeObject[]> {
  const found = await kubeJSON<{ items?: KubeObject[] }>(`${pathOf(k, namespace)}?${new URLSearchParams(query)}`, { accept, signal }).catch((e: unknown) => {
    if (e instanceof Refusal && e.code < 500) return { items: [] }; // not for us to list, or gone since
    throw e;
  });
  return found.items ?? [];
}

// Who selects it or names it: what only they say.
async function naming(o: KubeObject, signal: AbortSignal): Promise<Mention[]> {
  const namespace = o.metadata.namespace;
  const of = (key: string) => kinds.value.find((k) => k.key === key);
  const pods = of("pods");
  const refs = (k: Kind, all: KubeObject[]): Ref[] => all.map((x) => ({ apiVersion: versionOf(k), kind: k.kind, namespace: x.metadata.namespace, name: x.metadata.name }));
  const found: Mention[] = [];
  const add = (title: string, all: Ref[]): void => void (all.length > 0 && found.push({ title, refs: all }));
  if (!pods) return found;
  const selector = selectorOf(o);
  if (selector !== undefined) add("Selects", refs(pods, await list(pods, namespace, signal, selector ? { labelSelector: selector } : {})));
  if (o.kind === "Node") add("Pods here", refs(pods, await list(pods, undefined, signal, { fieldSelector: `spec.nodeName=${o.metadata.name}` })));
  if (o.kind === "Pod" && o.metadata.labels) {
    const services = of("services");
    const labels = o.metadata.labels;
    const all = services ? await list(services, namespace, signal, {}, "application/json") : [];
    if (services) add("Selected by", refs(services, all.filter((s) => { const by = Object.entries((s.spec?.selector ?? {}) as Record<string, string>); return by.length > 0 && by.every(([k, v]) => labels[k] === v); })));
  }
  if (["ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount"].includes(o.kind ?? "")) {
    const all = await list(pods, namespace, signal, {}, "application/json");
    const names = (p: KubeObject) => mentions({ ...p, kind: "Pod" }).some((m) => m.refs.some((r) => r.kind === o.kind && r.name === o.metadata.name));
    add("Used by", refs(pods, all.filter((p) => podSpec({ ...p, kind: "Pod" }) && names(p))));
  }
  return found;
}

customElements.define("object-related", ObjectRelated);
