// A live object, as a manifest.
import { kube } from "../state/kubernetes";
import { cluster } from "./smart/cluster";
import { manifestOf } from "./manifest";

/** Asks the API for an object, and answers its manifest. */
export async function fetchManifest(apiVersion: string, kind: string, namespace: string, name: string): Promise<string> {
  const of = (await cluster.kinds()).find((k) => k.apiVersion === apiVersion && k.kind === kind);
  if (!of) throw new Error(`The API serves no ${kind} in ${apiVersion}.`);
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = of.namespaced ? `/namespaces/${encodeURIComponent(namespace || "default")}` : "";
  const answer = await kube(`${root}${place}/${of.resource}/${encodeURIComponent(name)}`, { accept: "application/yaml" });
  return manifestOf(await answer.text());
}
