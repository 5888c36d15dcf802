// <object-events>: the events about an object, newest first, as they come.
import { signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { clock } from "../state/text";
import { escape, type KubeObject } from "./object";
import { follow, type Listed, type Told } from "./follow";
import { SidePart } from "./part";

interface KubeEvent extends KubeObject {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  firstTimestamp?: string | null;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  series?: { count?: number; lastObservedTime?: string };
  source?: { component?: string };
  reportingComponent?: string;
}

interface EventList extends Listed {
  items?: KubeEvent[] | null;
}

const MOST = 500;

class ObjectEvents extends SidePart {
  readonly #events = signal<ReadonlyMap<string, KubeEvent>>(new Map());
  readonly #trouble = signal("");
  readonly #loaded = signal(false);

  protected begin(): () => void {
    const { kind, name, namespace } = this.ref;
    const about: Record<string, string> = { "involvedObject.kind": kind, "involvedObject.name": name, ...(namespace ? { "involvedObject.namespace": namespace } : {}) };
    return follow<EventList, KubeEvent>({
      path: namespace ? `/api/v1/namespaces/${encodeURIComponent(namespace)}/events` : "/api/v1/events",
      query: { fieldSelector: Object.entries(about).map(([k, v]) => `${k}=${escape(v)}`).join(",") },
      watchable: true,
      list: (page, first) => {
        const next = first ? new Map<string, KubeEvent>() : new Map(this.#events.value);
        for (const e of page.items ?? []) next.set(e.metadata.name, e);
        this.#events.value = next;
        this.#loaded.value = true;
      },
      change: (told: Told<KubeEvent>[]) => {
        const next = new Map(this.#events.value);
        for (const t of told) {
          if (t.type === "DELETED") next.delete(t.object.metadata.name);
          else next.set(t.object.metadata.name, t.object);
        }
        this.#events.value = next;
      },
      say: (trouble) => (this.#trouble.value = trouble),
    });
  }

  protected draw(): TemplateResult {
    const all = [...this.#events.value.values()].sort((a, b) => time(b) - time(a));
    return html`${this.#trouble.value ? html`<p class="bad" role="alert">${this.#trouble.value}</p>` : nothing}
      ${all.length === 0 ? html`<p class="muted" role="status">${this.#loaded.value ? "No events about it." : "Asking…"}</p>` : nothing}
      <ul class="plain events">${all.slice(0, MOST).map((e) => {
        const count = e.series?.count ?? e.count ?? 1;
        return html`<li class=${e.type === "Warning" ? "warning" : ""}>${e.type === "Warning" ? html`<span class="hidden">Warning: </span>` : nothing}<b>${e.reason ?? ""}</b>${count > 1 ? ` ${count}×` : ""} <span class="muted">${Number.isNaN(time(e)) ? "" : clock(time(e))}${from(e) ? `, ${from(e)}` : ""}</span><br>${e.message ?? ""}</li>`;
      })}</ul>${all.length > MOST ? html`<p class="muted">The newest ${MOST} of ${all.length}.</p>` : nothing}`;
  }
}

const time = (e: KubeEvent): number => Date.parse(e.series?.lastObservedTime ?? e.lastTimestamp ?? e.eventTime ?? e.firstTimestamp ?? e.metadata.creationTimestamp ?? "");
const from = (e: KubeEvent): string => e.source?.component || e.reportingComponent || "";

customElements.define("object-events", ObjectEvents);
