// <object-overview>: what is to be said of an object that is not on the map: its columns
// as kubectl get prints them, its labels and conditions.
import { html, nothing, type TemplateResult } from "lit-html";
import { conditions, linkTo } from "./link";
import type { KubeObject, LiveObject } from "./object";
import { human, isAge, text, tone } from "./table";
import { WholePart } from "./whole";

class ObjectOverview extends WholePart {
  protected show(o: KubeObject, live: LiveObject): TemplateResult {
    const m = o.metadata;
    const rows: [string, unknown][] = [];
    if (m.namespace) rows.push(["Namespace", linkTo({ apiVersion: "v1", kind: "Namespace", name: m.namespace })]);
    live.columns.value.forEach((c, i) => {
      const said = text(live.cells.value[i]);
      if (c.name === "Name" || isAge(c) || said === "" || said === "<none>") return;
      const mark = tone(c, live.cells.value[i]);
      const short = said.length > 400 ? `${said.slice(0, 400)}…` : said;
      rows.push([c.name, mark && c.name === "Status" ? html`<span class=${`status ${mark}`}><i aria-hidden="true"></i>${short}</span>` : short]);
    });
    for (const r of m.ownerReferences ?? []) rows.push(["Owner", linkTo({ ...r, namespace: m.namespace }, { kind: true, from: m.namespace })]);
    if (m.labels) rows.push(["Labels", pairs(m.labels)]);
    if (m.annotations) rows.push(["Annotations", pairs(m.annotations)]);
    if (m.finalizers) rows.push(["Finalizers", html`<span class="mono">${m.finalizers.join(", ")}</span>`]);
    const created = Date.parse(m.creationTimestamp ?? "");
    if (!Number.isNaN(created)) rows.push(["Created", html`${new Date(created).toLocaleString()} <span class="muted">${human(Date.now() - created)} ago</span>`]);
    return html`${m.deletionTimestamp ? html`<p class="message" role="status">It is being deleted${m.finalizers?.length ? `, and waits for ${m.finalizers.join(", ")}` : ""}.</p>` : nothing}
      <dl class="facts-list">${rows.map(([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`)}</dl>
      ${conditions(o.status?.conditions)}`;
  }
}

const LONG = 120; // characters of a value, as in the annotation that holds a whole manifest

function pairs(of: Record<string, string>): TemplateResult {
  return html`<ul class="plain mono">${Object.entries(of).map(([k, v]) => html`<li title=${v.length > LONG ? v.slice(0, 2000) : nothing}>${k}=${v.length > LONG ? `${v.slice(0, LONG)}…` : v}</li>`)}</ul>`;
}

customElements.define("object-overview", ObjectOverview);
