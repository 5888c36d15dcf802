// <pod-map>: the live map. SVG for what stays, a canvas above it for what moves.
import { computed, effect, signal } from "@preact/signals-core";
import { html, nothing, svg, type TemplateResult } from "lit-html";
import type { Journey } from "../model";
import { cni } from "../state/cluster";
import { isDecided } from "../state/conversation";
import { recorded } from "../state/data";
import { landed, MOST_FLYING, unflown } from "../state/live";
import { clock, type Cue, program, schedule, stopped } from "../state/player";
import { Part } from "../state/part";
import { reveal } from "../state/reveal";
import { hop, journey, landing, object, objectID, showHop, showJourney, showObject, view } from "../state/selection";
import { filtered, shown, shownIDs, sifted } from "../state/shown";
import { edges, onCaptured, ready, vertices } from "../state/store";
import { idOf, nameOf } from "../state/text";
import { classes, drawMap } from "./draw";
import { type Aloft, Flights } from "./flights";
import { layout } from "./layout";
import { nearest } from "./nearest";
import { badges, pathOf, route } from "./route";

const MOST_WAYS = 40; // that are marked on the map
const MOST_HANGING = 60; // packets that can be reached while they hang in the air

const REACHABLE = "[data-vertex], [data-packet]";

class PodMap extends Part {
  readonly #size = signal({ width: 860, height: 520 });
  readonly #stop = signal("client"); // the vertex in the tab order
  #flights: Flights | null = null;
  #end: (() => void)[] = [];
  #landed = 0;
  #shown = "";
  #at = { journey: "", hop: -1 }; // what was shown when it was last drawn
  #laid: unknown = null; // the layout that packets in the air fly over

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

  // The ways of what the filter leaves, each once. As one text: the same ways are no news.
  readonly #ways = computed(() => {
    if (!filtered.value) return "";
    const first = shown.value.slice(0, MOST_WAYS).map((c) => c.journeys[0]!);
    return [...new Set(first.map((j) => pathOf(route(j, this.#layout.value)?.points ?? [])))].join("\n");
  });

  override connectedCallback(): void {
    super.connectedCallback();
    const scroll = this.querySelector<HTMLElement>(".map-scroll")!;
    const watch = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = scroll;
      const old = this.#size.peek();
      if (width > 0 && (old.width !== width || old.height !== height)) this.#size.value = { width, height };
    });
    watch.observe(scroll);
    const flights = new Flights(this.querySelector("canvas")!, clock, MOST_FLYING, landed);
    this.#flights = flights;
    this.#end = [
      () => watch.disconnect(),
      () => flights.close(),
      onCaptured((js) => this.#fly(js)),
      effect(() => {
        if (program.value.length > 0) this.#play(program.value);
      }),
      effect(() => {
        const ids = shownIDs.value;
        if (sifted.value) flights.keep((j) => ids.has(j.conversation));
      }),
    ];
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
          ${this.#ways.value.split("\n").map((d) => (d ? svg`<path class="trail" d=${d}></path>` : nothing))}
          ${this.#drawRoute()}
          ${stopped.value ? this.#drawHanging() : nothing}
        </svg>
        <canvas aria-hidden="true"></canvas>
        ${ready.value ? nothing : html`<p class="map-wait">${recorded ? "Opening the recording…" : "Opening your cluster…"}</p>`}
      </div>
      <journey-player></journey-player>`;
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

  // Packets that hang in the air can be looked at, one by one.
  #drawHanging() {
    return (this.#flights?.aloft ?? []).slice(0, MOST_HANGING).map(({ journey: j, at }: Aloft) => {
      const label = `Packet ${j.summary}, ${nameOf(j.from || j.source)} to ${nameOf(j.to || j.destination)}`;
      return svg`<circle class="hanging" cx=${at.x} cy=${at.y} r="11" data-packet=${j.id} role="button" tabindex="-1" aria-label=${label}><title>${label}</title></circle>`;
    });
  }

  protected override drawn(): void {
    const l = this.#layout.peek();
    this.#flights?.resize(l.width, l.height);
    if (this.#laid !== l) {
      if (this.#laid) this.#flights?.reroute((j) => route(j, l));
      this.#laid = l;
    }
    this.#keepInSight();
    this.#follow();
    if (landing.value !== this.#landed) {
      this.#landed = landing.value;
      this.#flights?.clear();
    }
  }

  // Somebody went from hop to hop: so does the packet.
  #follow(): void {
    const [was, j, r] = [this.#at, journey.value, this.#route.value];
    this.#at = { journey: j?.id ?? "", hop: hop.value };
    if (j && r && was.journey === j.id && was.hop !== hop.value && was.hop >= 0) this.#flights?.step(r, was.hop, hop.value, j.reply);
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
    const flights = this.#flights!;
    const wanted = sifted.peek() ? journeys.filter((j) => shownIDs.peek().has(j.conversation)) : journeys;
    let left = 0;
    for (const j of wanted) {
      if (flights.full) left++;
      else this.#take(j);
    }
    unflown.value = left > 0 ? unflown.peek() + left : flights.full ? unflown.peek() : 0;
  }

  #play(journeys: readonly Journey[]): void {
    this.#flights!.clear();
    for (const cue of schedule(journeys)) this.#take(cue.journey, cue);
  }

  #take(j: Journey, cue?: Cue): void {
    const r = route(j, this.#layout.peek());
    if (r) this.#flights!.add(j, r, cue);
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
    const packet = target.closest<SVGElement>("[data-packet]")?.dataset.packet ?? (target.closest(".map-scroll") ? this.#under(event as MouseEvent) : undefined);
    if (packet) {
      showJourney(packet);
      reveal("details");
      return;
    }
    const id = target.closest<SVGElement>("[data-vertex]")?.dataset.vertex ?? target.closest<SVGElement>("[data-of]")?.dataset.of;
    if (!id) return;
    this.#stop.value = id;
    showObject(id);
    reveal("details");
  };

  // The packet in the air under the pointer.
  #under(event: MouseEvent): string | undefined {
    const box = this.querySelector("canvas")!.getBoundingClientRect();
    const [x, y] = [event.clientX - box.x, event.clientY - box.y];
    return this.#flights?.aloft.findLast(({ at }) => Math.hypot(at.x - x, at.y - y) < 12)?.journey.id;
  }

  #key = (event: KeyboardEvent): void => {
    const at = (event.target as Element).closest<SVGElement>(REACHABLE);
    if (!at) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (at.dataset.packet) showJourney(at.dataset.packet);
      else showObject(at.dataset.vertex!);
      return;
    }
    const next = nearest(at, [...this.querySelectorAll<SVGElement>(REACHABLE)], event.key);
    if (!next) return;
    event.preventDefault();
    if (next.dataset.vertex) this.#stop.value = next.dataset.vertex;
    next.focus();
  };
}

customElements.define("pod-map", PodMap);
