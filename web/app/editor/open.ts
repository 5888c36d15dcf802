// Opens an object of the cluster for editing. What asks the API is a later chunk.
import { showTab } from "../parts/dock";
import { announce } from "../state/announce";
import { reveal } from "../state/reveal";
import { toast } from "../state/toast";
import { load } from "./text";

/**
 * Shows the manifest of a live object as a file of its own; says why, if it cannot. To apply
 * it is a server-side apply by force: what the text says is so then, whoever said otherwise
 * before. What is deleted from the text goes only if nobody else set it.
 */
export async function openObject(apiVersion: string, kind: string, namespace: string, name: string): Promise<void> {
  try {
    const { fetchManifest } = await import("./live");
    const text = await fetchManifest(apiVersion, kind, namespace, name);
    const elsewhere = namespace && namespace !== "default" ? `${namespace}-` : "";
    showTab("editor");
    load({ label: "", name: `${kind.toLowerCase()}-${elsewhere}${name}.yaml`, text });
    reveal("dock");
    announce(`${kind} ${name} is in the editor`);
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
}
