// <pod-map>: the live map. SVG for what stays, a canvas above it for what moves.
import { computed, signal } from "@preact/signals-core";
import { html, nothing, svg, type TemplateResult } from "lit-html";
import type { Journey } from "../model";
import { cni } from "../state/cluster";
import { isDecided } from "../state/conversation";
import { recorded } from "../state/data";
import { Part } from "../state/part";
import { reveal } from "../state/reveal";
import { hop, journey, landing, object, objectID, replay, request, showHop, showObject, view } from "../state/selection";
import { edges, onCaptured, ready, vertices } from "../state/store";
import { idOf } from "../state/text";
import { caption } from "./caption";
import { classes, drawMap } from "./draw";
import { Flights } from "./flights";
import { layout } from "./layout";
import { nearest } from "./nearest";
import { badges, pathOf, route } from "./route";

class PodMap extends Part {
  readonly #size = signal({ width: 860, height: 520 });
  readonly #stop = signal("client"); // the vertex in the tab order
  #flights: Flights | null = null;
  #end: (() => void)[] = [];
  #replayed = 0;
  #landed = 0;
  #shown = "";

  // The Service that decided at some hop of the chosen packet.
  readonly #service = computed(() => {
    const o = journey.value?.hops?.find((h) => h.decision?.object?.kind === "Service")?.decision?.object;
    return o ? idOf(o) : null;
  });
  readonly #layout = computed(() => {
    const active = new Set([this.#service.value, view.value === "object" ? objectID.value : null].filter((x) => x !== null));
    return layout({ vertices: vertices.value, edges: edges.value, ...this.#size.value, active });
  });
  readonly #route = computed(() => (journey.value ? route(journey.value, this.#layout.value) : null));

  override connectedCallback(): void {
    super.connectedCallback();
    const scroll = this.querySelector<HTMLElement>(".map-scroll")!;
    const watch = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = scroll;
      const old = this.#size.peek();
      if (width > 0 && (old.width !== width || old.height !== height)) this.#size.value = { width, height };
    });
    watch.observe(scroll);
    this.#flights = new Flights(this.querySelector("canvas")!);
    this.#end = [() => watch.disconnect(), onCaptured((js) => this.#fly(js))];
    this.addEventListener("click", this.#click);
    this.addEventListener("keydown", this.#key);
    document.fonts?.ready.then(() => (this.#size.value = { ...this.#size.peek() }));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#end) end();
  }

  protected view(): TemplateResult {
    const l = this.#layout.value;
    const looking = view.value === "object" ? (object.value?.id ?? null) : null;
    const stop = vertices.value.has(this.#stop.value) ? this.#stop.value : (l.nodes[0]?.vertex.id ?? "");
    const onRoute = new Set(journey.value?.hops?.map((h) => h.place.vertex));
    return html`
      <div class="map-scroll">
        <svg width=${l.width} height=${l.height} viewBox=${`0 0 ${l.width} ${l.height}`} role="group"
          aria-label="Map of the cluster. Arrow keys move over it, Enter shows what is there.">
          ${drawMap(l, { selected: looking, stop, onRoute, service: this.#service.value, cni: cni.value })}
          ${this.#drawRoute()}
        </svg>
        <canvas aria-hidden="true"></canvas>
        ${ready.value ? nothing : html`<p class="map-wait">${recorded ? "Opening the recording…" : "Opening your cluster…"}</p>`}
      </div>
      ${caption()}`;
  }

  #drawRoute() {
    const r = this.#route.value;
    const j = journey.value;
    if (!r || !j) return nothing;
    const ended = j.verdict === "dropped" || j.verdict === "rejected";
    return svg`<g class=${classes("route", j.reply && "reply", ended && "ended")}>
      <path class="halo" d=${pathOf(r.points)}></path>
      <path class="line" d=${pathOf(r.points)}></path>
      ${badges(r).map((b) => {
        const on = b.hops.includes(hop.value);
        const w = Math.max(22, b.label.length * 7 + 10);
        const last = ended && b.hops.includes(r.stops.length - 1);
        const decided = b.hops.some((i) => j.hops?.[i] && isDecided(j.hops[i]));
        return svg`<g class=${classes("hop", on && "on", decided && "decided", last && "bad")} data-hop=${b.hops.join(" ")} transform=${`translate(${b.at.x} ${b.at.y})`}>
          <rect x=${-w / 2} y="-11" width=${w} height="22" rx="11"></rect>
          <text text-anchor="middle" y="4">${b.label}</text>
        </g>`;
      })}
    </g>`;
  }

  protected override drawn(): void {
    const { width, height } = this.#layout.peek();
    this.#flights?.resize(width, height);
    this.#keepInSight();
    if (landing.value !== this.#landed) {
      this.#landed = landing.value;
      this.#flights?.clear();
    }
    if (replay.value !== this.#replayed) {
      this.#replayed = replay.value;
      this.#flights?.clear();
      this.#fly(request.peek().flatMap((c) => c.journeys).sort((a, b) => a.start - b.start));
    }
  }

  // In a low window the map scrolls: the chosen hop must not be out of sight.
  #keepInSight(): void {
    const key = `${journey.value?.id} ${hop.value}`;
    const frame = this.querySelector<HTMLElement>(".map-scroll");
    const at = this.#route.value?.stops[hop.value]?.at;
    if (key === this.#shown || !frame || !at) return;
    this.#shown = key;
    const { scrollTop, clientHeight } = frame;
    if (at.y < scrollTop + 20 || at.y > scrollTop + clientHeight - 20) frame.scrollTop = at.y - clientHeight / 2;
  }

  #fly(journeys: Journey[]): void {
    if (document.hidden) return;
    for (const j of journeys) {
      const r = route(j, this.#layout.peek());
      if (r) this.#flights?.add(j, r);
    }
  }

  #click = (event: Event): void => {
    const target = event.target as Element;
    const badge = target.closest<SVGElement>("[data-hop]");
    if (badge) {
      // Several hops under one badge: each click goes on to the next of them.
      const hops = badge.dataset.hop!.split(" ").map(Number);
      showHop(hops[(hops.indexOf(hop.value) + 1) % hops.length]!);
      return;
    }
    const id = target.closest<SVGElement>("[data-vertex]")?.dataset.vertex ?? target.closest<SVGElement>("[data-of]")?.dataset.of;
    if (!id) return;
    this.#stop.value = id;
    showObject(id);
    reveal("details");
  };

  #key = (event: KeyboardEvent): void => {
    const at = (event.target as Element).closest<SVGElement>("[data-vertex]");
    if (!at) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      showObject(at.dataset.vertex!);
      return;
    }
    const next = nearest(at, [...this.querySelectorAll<SVGElement>("[data-vertex]")], event.key);
    if (!next) return;
    event.preventDefault();
    this.#stop.value = next.dataset.vertex!;
    next.focus();
  };
}

customElements.define("pod-map", PodMap);
