// OpenAPI's schemas, as far as manifests need them. Pure: documents are given.
import type { Path } from "./place";

export interface Schema {
  $ref?: string;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
  "x-kubernetes-int-or-string"?: boolean;
}

export interface OpenAPI {
  components?: { schemas?: Record<string, Schema> };
}

export interface Field {
  name: string;
  type: string;
  required: boolean;
  description: string;
  schema: Schema;
}

const PREFIX = "#/components/schemas/";

/** What a schema comes to, its references followed; what is said beside a reference wins. */
export function resolve(doc: OpenAPI, schema: Schema, depth = 0): Schema {
  if (depth > 20) return schema;
  const parts = [...(schema.$ref ? [named(doc, schema.$ref)] : []), ...(schema.allOf ?? [])];
  if (parts.length === 0) return schema;
  let all: Schema = {};
  for (const part of parts) {
    const p = resolve(doc, part, depth + 1);
    all = { ...all, ...p, properties: p.properties || all.properties ? { ...all.properties, ...p.properties } : undefined, required: [...(all.required ?? []), ...(p.required ?? [])] };
  }
  const { $ref, allOf, ...own } = schema;
  void $ref;
  void allOf;
  return { ...all, ...own, properties: own.properties ? { ...all.properties, ...own.properties } : all.properties, required: [...(all.required ?? []), ...(own.required ?? [])] };
}

function named(doc: OpenAPI, ref: string): Schema {
  return (ref.startsWith(PREFIX) && doc.components?.schemas?.[ref.slice(PREFIX.length)]) || {};
}

/** The schema of a kind. */
export function rootOf(doc: OpenAPI, apiVersion: string, kind: string): Schema | undefined {
  const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
  return Object.values(doc.components?.schemas ?? {}).find((s) => s["x-kubernetes-group-version-kind"]?.some((x) => x.group === group && x.version === version && x.kind === kind) && s.properties?.kind);
}

/** The schema at a path below root, resolved; undefined where anything may stand. */
export function walk(doc: OpenAPI, root: Schema, path: Path): Schema | undefined {
  let at: Schema | undefined = resolve(doc, root);
  for (const step of path) {
    const next: Schema | boolean | undefined = typeof step === "number" ? at.items : (at.properties?.[step] ?? at.additionalProperties);
    if (!next || next === true) return undefined;
    at = resolve(doc, next);
  }
  return at;
}

/** What a mapping may have, the likeliest first. */
export function fields(doc: OpenAPI, schema: Schema): Field[] {
  const required = new Set(schema.required);
  const all = Object.entries(schema.properties ?? {}).map(([name, s]): Field => {
    const r = resolve(doc, s);
    return { name, type: typeOf(doc, s), required: required.has(name), description: s.description ?? r.description ?? "", schema: r };
  });
  return all.sort((a, b) => rank(b) - rank(a) || a.name.localeCompare(b.name));
}

const FIRST = ["apiVersion", "kind", "metadata", "spec", "name", "image", "labels", "replicas", "selector", "matchLabels", "template", "containers", "ports", "port", "targetPort", "containerPort", "rules", "data", "env", "value", "namespace"];

/** How likely a field is wanted, from -2 to 2. */
export function rank(f: Field): number {
  if (f.name === "status" || f.name === "managedFields") return -2;
  if (/^deprecated/i.test(f.description)) return -1;
  return f.required ? 2 : FIRST.includes(f.name) ? 1 : 0;
}

/** A type as people write it: []Container, map of string, integer or string. */
export function typeOf(doc: OpenAPI, schema: Schema): string {
  const r = resolve(doc, schema);
  if (r["x-kubernetes-int-or-string"] || r.format === "int-or-string") return "integer or string";
  const ref = refOf(schema);
  if (r.type === "array") return `[]${r.items ? typeOf(doc, r.items) : "any"}`;
  if (r.properties && ref) return ref;
  if (r.properties) return "object";
  if (r.additionalProperties && r.additionalProperties !== true) return `map of ${typeOf(doc, r.additionalProperties)}`;
  if (r.oneOf && !r.type) return ref ?? r.oneOf.map((x) => x.type ?? "any").join(" or ");
  if (r.type === "string" && r.format && r.format !== "byte") return r.format;
  return r.type ?? ref ?? "any";
}

// io.k8s.api.core.v1.Container is a Container.
function refOf(schema: Schema): string | undefined {
  const ref = schema.$ref ?? schema.allOf?.find((x) => x.$ref)?.$ref;
  return ref?.split(".").at(-1);
}

/** What a scalar may be, as far as the schema knows. */
export function values(schema: Schema): string[] {
  if (schema.enum) return schema.enum.filter((x) => x !== null && x !== "").map(String);
  if (schema.type === "boolean") return ["true", "false"];
  return [];
}

/** What to write behind a key that was just chosen. */
export function opening(schema: Schema): "scalar" | "map" | "list" {
  if (schema.type === "array") return "list";
  const scalar = schema.type !== undefined && schema.type !== "object";
  return scalar || schema.oneOf || schema.anyOf || schema["x-kubernetes-int-or-string"] ? "scalar" : "map";
}
