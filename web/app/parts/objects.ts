// <object-list>: the map as a list: everything in the cluster, by kind; or all that the
// API has, which is a later chunk.
import { html, nothing, type TemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Vertex } from "../model";
import { podState } from "../map/draw";
import { moveInList } from "../state/keys";
import { isCordoned, isStopped } from "../state/cluster";
import { Part } from "../state/part";
import { objectID, showObject, view } from "../state/selection";
import { vertices } from "../state/store";
import { nameOf, plural } from "../state/text";
import { type By, by } from "../objects/choice";
import { recorded } from "../state/data";
import "./tree";

const ORDER = ["Pod", "Service", "Ingress", "Gateway", "HTTPRoute", "GRPCRoute", "NetworkPolicy", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob", "Node"];
const rank = (kind: string) => (ORDER.indexOf(kind) + ORDER.length + 1) % (ORDER.length + 1);

/** Objects of the API, as against parts of the network. */
export const isObject = (v: Vertex) => v.kind !== "Client" && v.kind !== "Underlay" && v.kind !== "ControlPlane";

class ObjectList extends Part {
  protected view(): TemplateResult {
    const now = recorded && by.value === "all" ? "kind" : by.value;
    if (now === "all") void import("../objects/browser");
    const choice = (to: By, text: string) => html`<label><input type="radio" name="objects-by" value=${to} .checked=${now === to} @change=${() => (by.value = to)}><span>${text}</span></label>`;
    return html`<div class="objects-by segments" role="radiogroup" aria-label="Which objects">${choice("kind", "By kind")}${choice("place", "As the map")}${recorded ? nothing : choice("all", "All resources")}</div>
      ${now === "all" ? html`<resource-browser></resource-browser>` : now === "place" ? html`<map-tree></map-tree>` : this.#table()}`;
  }

  #table(): TemplateResult {
    const all = [...vertices.value.values()].filter(isObject);
    const kinds = [...new Set(all.map((v) => v.kind))].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
    return html`<table class="list" @keydown=${(e: KeyboardEvent) => moveInList(e, "button")}>
      <caption class="hidden">Objects of the cluster</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Status</th><th scope="col">Address</th><th scope="col">Belongs to</th></tr></thead>
      ${kinds.map((kind) => html`<tbody>
        <tr class="group"><th colspan="4" scope="rowgroup">${kind} <span class="count">${all.filter((v) => v.kind === kind).length}</span></th></tr>
        ${repeat(all.filter((v) => v.kind === kind).sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true })), (v) => v.id, row)}
      </tbody>`)}
    </table>`;
  }
}

function row(v: Vertex): TemplateResult {
  const chosen = view.value === "object" && objectID.value === v.id;
  return html`<tr class=${chosen ? "chosen" : ""}>
    <th scope="row"><button type="button" class="link" aria-pressed=${chosen} @click=${() => showObject(v.id)}>${nameOf(v.id)}</button></th>
    <td>${statusOf(v)}</td>
    <td class="mono">${v.ips?.[0] ?? ""}${v.kind === "Service" && v.ips?.length && v.ports?.[0] ? html`<span class="muted">:${v.ports[0].port}</span>` : nothing}${v.external?.length ? html` <span class="outside">${v.external[0]}</span>` : nothing}</td>
    <td class="muted">${[v.parent, v.owner].filter((x) => x !== undefined && x !== "").map((x) => nameOf(x!)).join(", ")}</td></tr>`;
}

const COUNTED = ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job"];

/** A dot and words: never the colour alone. */
export function statusOf(v: Vertex): TemplateResult {
  return html`<span class=${`status ${tone(v)}`}><i aria-hidden="true"></i>${words(v)}${v.restarts ? html` <span class="muted">${plural(v.restarts, "restart")}</span>` : nothing}</span>`;
}

function tone(v: Vertex): string {
  if (v.kind === "Pod") return podState(v);
  if (v.kind === "Service") return (v.have ?? 0) > 0 || v.status === "ExternalName" ? "virtual" : "empty";
  if (v.kind === "Node") return isStopped(v) || !v.ready ? "failing" : isCordoned(v) ? "starting" : "ready";
  return v.ready || (COUNTED.includes(v.kind) && v.have === v.want) ? "ready" : "starting";
}

function words(v: Vertex): string {
  if (v.kind === "Service") return v.status === "ExternalName" ? v.status : `${v.status ?? ""}, ${plural(v.have ?? 0, "endpoint")}`;
  if (v.kind === "NetworkPolicy") return `${v.status}, ${plural(v.have ?? 0, "pod")}`;
  if (v.kind === "Node") return nodeWords(v);
  return COUNTED.includes(v.kind) ? `${v.have ?? 0} of ${v.want ?? 0} ready` : (v.status ?? "");
}

/** kubectl's words for a node, and what it cannot know. */
export function nodeWords(v: Vertex): string {
  const status = `${isCordoned(v) ? "cordoned, " : ""}${(v.status ?? "").replace(",SchedulingDisabled", "")}`;
  if (!isStopped(v)) return status;
  return v.ready ? `stopped; the API still says ${status}` : `stopped, ${status}`;
}

/** The kind, as it is said: only what is no kind of the API's differs. */
export const kindName = (kind: string): string => (kind === "ControlPlane" ? "" : kind);

customElements.define("object-list", ObjectList);
