// What may be written at a place. Pure: what is known of the cluster is asked of Known.
import { begins, find, objectOf, type Path, type Place, valueAt } from "./place";
import { fields, type OpenAPI, opening, rank, resolve, rootOf, type Schema, typeOf, values, walk } from "./schema";

export interface Kind {
  apiVersion: string;
  kind: string;
  resource: string;
  namespaced: boolean;
}

/** What is known of the cluster. */
export interface Known {
  kinds(): Promise<readonly Kind[]>;
  /** The OpenAPI document of a group and version, if it is served. */
  document(apiVersion: string): Promise<OpenAPI | undefined>;
  /** Names that fit at a place: of live objects, of labels, of what stands in the same text. */
  names(place: Place, path: Path): Promise<Name[]>;
}

export interface Name {
  name: string;
  what: string;
}

export interface Option {
  label: string;
  /** What is put in place of what is typed. */
  insert: string;
  kind: "field" | "value" | "name" | "snippet";
  detail: string;
  info?: { type: string; required: boolean; description: string };
  boost: number;
  /** Another change of the text that goes with it. */
  also?: { from: number; to: number; insert: string };
  /** Whether there is something to choose behind it. */
  goOn?: boolean;
}

export async function optionsAt(place: Place, known: Known, rest = ""): Promise<Option[]> {
  if (place.at === "none") return [];
  const root = objectOf(place.doc, place.path);
  const path = place.path.slice(root.length);
  const key = path.at(-1);
  if (place.at === "value" && path.length === 1 && (key === "kind" || key === "apiVersion")) return key === "kind" ? kindOptions(place, root, known) : versionOptions(place, root, known);
  const schema = await schemaOf(place, root, known);
  const at = schema && walk(schema.doc, schema.root, path);
  if (!schema && path.length === 0 && place.at !== "value") return bareOptions(place, rest);
  if (place.at === "value") return at && opening(at) !== "scalar" ? [] : [...valueOptions(at), ...(await nameOptions(place, known))];
  const named = await nameOptions(place, known);
  if (!at) return named;
  const dash = at.type === "array" && !place.flow;
  const of = dash && at.items ? resolve(schema!.doc, at.items) : at;
  if (of.properties) return fieldOptions(schema!.doc, of, place, dash ? "- " : "", rest);
  if (opening(of) === "map") return place.flow ? [] : named.map((o) => ({ ...o, insert: /^\s*:/.test(rest) ? o.label : `${o.label}: `, goOn: true }));
  if (place.at === "key") return [];
  const list = [...valueOptions(of), ...(dash ? await nameOptions({ ...place, path: [...place.path, 0] }, known) : named)];
  return dash ? list.map((o) => ({ ...o, insert: `- ${o.insert}` })) : typeof key === "number" ? list : [];
}

/** The schema of the object that a place is in. */
export async function schemaOf(place: Pick<Place, "doc">, root: Path, known: Pick<Known, "document">): Promise<{ doc: OpenAPI; root: Schema } | undefined> {
  const apiVersion = valueAt(place.doc, [...root, "apiVersion"]);
  const kind = valueAt(place.doc, [...root, "kind"]);
  if (!apiVersion || !kind) return undefined;
  const doc = await known.document(apiVersion);
  const found = doc && rootOf(doc, apiVersion, kind);
  return found && { doc, root: found };
}

function fieldOptions(doc: OpenAPI, schema: Schema, place: Place, dash: string, rest: string): Option[] {
  const has = place.quoted || /^\s*:/.test(rest); // it stood there, and is only named anew
  const indent = " ".repeat(place.column + dash.length + 2);
  return fields(doc, schema)
    .filter((f) => !place.siblings.has(f.name) || dash)
    .map((f): Option => {
      const kind = opening(f.schema);
      const item = f.schema.items && resolve(doc, f.schema.items);
      const behind = has ? "" : place.flow || kind === "scalar" ? ": " : kind === "map" ? `:\n${indent}` : `:\n${indent.slice(2)}- `;
      return {
        label: f.name,
        insert: `${dash}${place.flow && kind !== "scalar" && !has ? `${f.name}: ` : f.name + behind}`,
        kind: "field",
        detail: f.required ? `${f.type}, required` : f.type,
        info: { type: f.type, required: f.required, description: f.description },
        boost: rank(f) * 10,
        goOn: !has && (kind === "scalar" ? values(f.schema).length > 0 : kind === "list" ? values(item ?? {}).length > 0 : false),
      };
    });
}

function valueOptions(schema: Schema | undefined): Option[] {
  if (!schema) return [];
  return values(schema).map((v) => ({ label: v, insert: v, kind: "value", detail: schema.default === undefined || String(schema.default) !== v ? "" : "default", boost: 5 }));
}

async function nameOptions(place: Place, known: Known): Promise<Option[]> {
  const seen = new Set<string>();
  const all = await known.names(place, place.path);
  return all.filter((n) => !seen.has(n.name) && seen.add(n.name)).map((n) => ({ label: n.name, insert: place.quoted ? n.name : quoted(n.name), kind: "name", detail: n.what, boost: 6 }));
}

// Names and labels that YAML would take for something else.
function quoted(name: string): string {
  return /^(?:true|false|yes|no|on|off|null|~|[-+.\d][\d._eExX+-]*)$/i.test(name) || /^[^\w./]|: | #/.test(name) ? JSON.stringify(name) : name;
}

async function kindOptions(place: Place, root: Path, known: Known): Promise<Option[]> {
  const version = find(place.doc, [...root, "apiVersion"]);
  const kind = find(place.doc, [...root, "kind"]);
  const all = await known.kinds();
  return all.map((k) => ({
    label: k.kind,
    insert: k.kind,
    kind: "value",
    detail: k.apiVersion,
    boost: version?.value === k.apiVersion ? 10 : COMMON.includes(k.kind) ? 5 : 0,
    also: version?.value === k.apiVersion ? undefined : version ? { from: version.valueFrom, to: version.valueTo, insert: version.valueFrom === version.to + 1 ? ` ${k.apiVersion}` : k.apiVersion }
      : kind && root.length === 0 && !place.flow ? { from: kind.from, to: kind.from, insert: `apiVersion: ${k.apiVersion}\n` } : undefined,
  }));
}

const COMMON = ["Pod", "Deployment", "Service", "ConfigMap", "Secret", "Ingress", "NetworkPolicy", "Namespace", "Job", "DaemonSet", "StatefulSet", "ReplicaSet", "PersistentVolumeClaim"];

async function versionOptions(place: Place, root: Path, known: Known): Promise<Option[]> {
  const kind = find(place.doc, [...root, "kind"]);
  const all = await known.kinds();
  return [...new Set(all.map((k) => k.apiVersion))].map((version) => {
    const of = all.filter((k) => k.apiVersion === version);
    const fits = of.some((k) => k.kind === kind?.value);
    const only = of.length === 1 ? of[0]!.kind : undefined;
    return {
      label: version,
      insert: version,
      kind: "value",
      detail: fits ? kind!.value : only ?? `${of.length} kinds`,
      boost: fits ? 10 : 0,
      also: only && kind && kind.value === "" && !place.flow ? { from: kind.valueFrom, to: kind.valueTo, insert: kind.valueFrom === kind.to + 1 ? ` ${only}` : only } : undefined,
    };
  });
}

// Before it is known what it will be.
function bareOptions(place: Place, rest: string): Option[] {
  const has = /^\s*:/.test(rest);
  const indent = `:\n${" ".repeat(place.column + 2)}`;
  return (["apiVersion", "kind", "metadata", "spec"] as const)
    .filter((f) => !place.siblings.has(f))
    .map((f, i) => ({ label: f, insert: f + (has ? "" : i < 2 ? ": " : indent), kind: "field", detail: "", boost: 20 - i, goOn: !has && i < 2 }));
}

/** Whether a document has nothing yet but what is being typed. */
export function isEmpty(place: Place): boolean {
  return place.at === "word" && place.path.length === 0 && place.column === 0 && !place.doc.entries.some((e) => begins(e.path, []) && e.from !== place.from);
}

export { typeOf };
