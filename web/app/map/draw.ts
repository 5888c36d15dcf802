// The map's SVG, from the layout: what is there, before any packet.
import { nothing, svg, type SVGTemplateResult } from "lit-html";
import { repeat } from "lit-html/directives/repeat.js";
import type { Vertex } from "../model";
import { nameOf, plural } from "../state/text";
import { isCordoned, isStopped } from "../state/cluster";
import { nodeWords } from "../parts/objects";
import { drawFaults } from "./faults";
import type { MachineBox, MapLayout, NodeBox, PodBox } from "./layout";
import { fit } from "./measure";
import { pathOf } from "./route";
import { type AddressBox, type EntryBox, isOfCluster, type ServiceBox } from "./rows";

export interface Marks {
  selected: string | null; // the object that is looked at
  stop: string; // the vertex in the tab order
  onRoute: ReadonlySet<string>; // vertices that the chosen packet touches
  service: string | null; // the Service that decided
  cni: string; // how pods are joined
}

export function drawMap(l: MapLayout, m: Marks): SVGTemplateResult {
  return svg`
    <rect class="cluster" x=${l.cluster.x} y=${l.cluster.y} width=${l.cluster.w} height=${l.cluster.h} rx="16"></rect>
    ${drawUnderlay(l)}
    ${repeat(l.nodes, (n) => n.vertex.id, (n) => drawNode(n, l, m))}
    <g class="service-lines">${l.services.map((s) => s.lines.map((line) => svg`<path class=${classes("service-line", m.service === s.vertex.id && "on", m.selected === s.vertex.id && "on")} d=${pathOf(line, 8)}></path>`))}</g>
    ${repeat(l.nodes.flatMap((n) => n.pods), (p) => p.vertex.id, (p) => drawPod(p, m))}
    <g class="entry-lines">${l.entries.map((e) => e.lines.map((line) => svg`<path class=${classes("entry-line", m.selected === e.vertex.id && "on")} d=${pathOf(line, 8)}></path>`))}
      ${l.addresses.map((a) => svg`<path class=${classes("address-line", m.selected === a.of.id && "on")} d=${pathOf(a.line, 6)}></path>`)}</g>
    ${repeat(l.entries, (e) => e.vertex.id, (e) => drawEntry(e, m))}
    ${repeat(l.services, (s) => s.vertex.id, (s) => drawService(s, m))}
    ${repeat(l.addresses, (a) => a.ip, drawAddress)}
    ${l.waiting ? drawWaiting(l.waiting, l, m) : nothing}
    ${l.control ? drawControl(l.control, m) : nothing}
    ${l.client ? drawClient(l.client, m) : nothing}
    ${drawFaults(l)}`;
}

function drawUnderlay(l: MapLayout): SVGTemplateResult {
  const { from, to, vertex } = l.underlay;
  const net = vertex?.ips?.[0] ?? "";
  return svg`<g class="underlay">
    <path class="wire" d=${`M${from.x} ${from.y}L${to.x} ${to.y}`}></path>
    ${l.nodes.map((n) => svg`<path class="drop" d=${pathOf([n.out, n.eth, n.tap], 6)}></path>`)}
    ${[l.client, l.control].map((b) => (b ? svg`<path class="drop" d=${pathOf([b.port, b.tap])}></path>` : nothing))}
    ${l.narrow ? nothing : svg`<text class="mono" x=${to.x} y=${to.y + 18} text-anchor="end">underlay${net ? ` ${net}` : ""}</text>`}
  </g>`;
}

function drawNode(n: NodeBox, l: MapLayout, m: Marks): SVGTemplateResult {
  const v = n.vertex;
  const ip = v.ips?.[0] ?? "";
  const words = nodeWords(v);
  const label = `Node ${v.name}, ${v.ready && !isCordoned(v) && !isStopped(v) ? `${ip}, ${words}` : `${words}, ${ip}`}, ${plural(n.pods.length, "pod")}`;
  const roomy = n.w > 240;
  const aside = isStopped(v) ? "stopped" : !v.ready ? "NotReady" : isCordoned(v) && !roomy ? "cordoned" : ip;
  const veths = n.pods.filter((p) => p.vertex.ips?.length);
  const gutters = [...new Map(veths.map((p) => [p.veth.x, p])).values()];
  const deepest = (x: number) => Math.min(...veths.filter((p) => p.veth.x === x).map((p) => p.veth.y));
  return svg`<g class=${classes("node", (isStopped(v) || !v.ready) && "down", isCordoned(v) && "cordoned")}>
    ${target(v, label, m, svg`
      <rect class="box" x=${n.x} y=${n.y} width=${n.w} height=${n.h} rx="12"></rect>
      <text class="name" x=${n.x + 14} y=${n.y + 21}>${v.name}${isCordoned(v) && roomy ? svg`<tspan class="aside" dx="7">cordoned</tspan>` : nothing}</text>
      <text class="mono" x=${n.x + n.w - 14} y=${n.y + 21} text-anchor="end">${aside}</text>`)}
    <rect class="kernel" x=${n.kernel.x} y=${n.kernel.y} width=${n.kernel.w} height=${n.kernel.h} rx="8"></rect>
    <text class="mono faint" x=${n.kernel.x + 10} y=${n.kernel.y + 16}>${kernelText(v, m.cni, n.kernel.w > 160)}</text>
    <path class="cable" d=${`M${n.out.x} ${n.lane}L${Math.max(n.out.x, ...gutters.map((p) => p.veth.x))} ${n.lane}`}></path>
    ${gutters.map((p) => svg`<path class="cable" d=${`M${p.veth.x} ${deepest(p.veth.x)}L${p.veth.x} ${n.lane}`}></path>`)}
    ${veths.map((p) => svg`<path class="cable" d=${pathOf([p.from, { x: p.from.x, y: p.veth.y }, p.veth], 0)}></path>`)}
    ${n.pods.length === 0 && !l.narrow ? svg`<text class="empty" x=${n.x + n.w / 2} y=${n.y + (n.h - 30) / 2} text-anchor="middle">no pods yet</text>` : nothing}
  </g>`;
}

// What the node's kernel does for its pods.
function kernelText(v: Vertex, cni: string, roomy: boolean): string {
  if (isStopped(v)) return "power off";
  const joins = { bridge: "cni0, routes", vxlan: "cni0, flannel.1" }[cni] ?? "routes";
  return roomy ? `kube-proxy, ${joins}` : joins;
}

function drawPod(p: PodBox, m: Marks): SVGTemplateResult {
  const v = p.vertex;
  const ip = v.ips?.[0] ?? "";
  const name = nameOf(v.id);
  const shown = isOfCluster(v) ? v.name : name; // its namespace would leave no room for it
  const state = podState(v);
  const body = () => {
    const tall = p.density === "full" || p.density === "snug";
    const left = p.x + (tall ? 12 : 8);
    const room = p.w - (tall ? 42 : 30);
    const air = p.density === "full" ? 20 : 16.5;
    if (tall)
      return svg`<text class="name" x=${left} y=${p.y + air}>${fit(shown, room)}</text>
        <text class="mono" x=${left} y=${p.y + air + 15.5}>${state === "ready" ? ip : fit([v.status, ip].filter(Boolean).join(" "), room, "mono")}</text>`;
    if (p.density === "line") return svg`<text class="name small" x=${left} y=${p.y + 15.5}>${fit(shown, room)}</text>`;
    return svg`<text class="mono" x=${p.x + p.w / 2} y=${p.y + 14} text-anchor="middle">${ip ? `.${ip.split(".").pop()}` : "…"}</text>`;
  };
  const isolated = p.policies.length > 0 ? `, isolated by NetworkPolicy ${p.policies.map(nameOf).join(" and ")}` : "";
  return target(v, `Pod ${name}, ${state === "ready" ? `${ip}, ${v.status ?? ""}` : `${v.status ?? ""} ${ip || "without an address"}`}${isolated}`, m, svg`
    <rect class="box" x=${p.x} y=${p.y} width=${p.w} height=${p.h} rx=${p.h > 30 ? 9 : 6}></rect>
    ${body()}
    ${isolated ? shield(p) : nothing}`, `pod ${state}`);
}

// On the edge of the box, as the policy is on the pod's way in and out.
function shield(p: PodBox): SVGTemplateResult {
  const k = p.density === "full" || p.density === "snug" ? 1 : 0.75;
  return svg`<path class="shield" transform=${`translate(${p.x + p.w - 22 * k} ${p.y - 7 * k}) scale(${k})`} d="M6 0L12 2V6.5C12 10 9.5 12.7 6 14C2.5 12.7 0 10 0 6.5V2Z"></path>`;
}

/** ready, starting, failing or leaving: what the colour of a pod says, beside its text. */
export function podState(v: Vertex): "ready" | "starting" | "failing" | "leaving" | "done" {
  const s = v.status ?? "";
  if (s === "Terminating") return "leaving";
  if (/^(Completed|Succeeded)$/.test(s)) return "done";
  if (/Error|BackOff|Failed|Invalid|Unknown|Evicted|OOM/.test(s)) return "failing";
  return v.ready ? "ready" : "starting";
}

function drawService(s: ServiceBox, m: Marks): SVGTemplateResult {
  const v = s.vertex;
  const ends = plural(v.have ?? 0, "endpoint");
  const address = addressOf(v);
  const name = nameOf(v.id);
  const middle = s.x + s.w / 2;
  const alias = v.status === "ExternalName";
  const outside = v.external?.length ? `, ${v.external.join(" and ")} from outside` : "";
  const label = alias ? `Service ${name}, ${address}, ${v.message ?? ""}` : `Service ${name} ${address}, ${ends}, ${v.status ?? ""}, held by no interface${outside}`;
  return target(v, label, m, svg`
    <rect class="box" x=${s.x} y=${s.y} width=${s.w} height=${s.h} rx=${s.h / 2}></rect>
    ${s.density === "full"
      ? svg`<text class="name" x=${middle} y=${s.y + 20} text-anchor="middle">${fit(name, s.w - 40)}</text>
        <text class="mono" x=${middle} y=${s.y + 36} text-anchor="middle">${fit(alias ? address : `${address}, ${ends}`, s.w - 32, "mono")}</text>`
      : svg`<text class="name small" x=${middle} y=${s.y + 17} text-anchor="middle">${fit(`${name} ${address}`, s.w - 24)}</text>`}`,
    `service ${(v.have ?? 0) > 0 || alias ? "" : "empty"} ${m.service === v.id ? "decided" : ""}`);
}

function addressOf(v: Vertex): string {
  if (v.status === "ExternalName") return v.facts?.find((f) => f.name === "External name")?.value ?? "";
  const ip = v.ips?.[0];
  const port = v.ports?.[0]?.port;
  if (!ip) return "headless";
  return port ? `${ip.includes(":") ? `[${ip}]` : ip}:${port}` : ip;
}

function drawEntry(e: EntryBox, m: Marks): SVGTemplateResult {
  const v = e.vertex;
  const name = `${v.kind} ${nameOf(v.id)}`;
  const hosts = v.ready ? hostsOf(v) : `${hostsOf(v)}, ${v.status ?? "no address"}`;
  const middle = e.x + e.w / 2;
  return target(v, `${name}, ${hosts}${v.external?.length ? `, at ${v.external.join(" and ")}` : ""}`, m, svg`
    <rect class="box" x=${e.x} y=${e.y} width=${e.w} height=${e.h} rx="8"></rect>
    <text class="name" x=${middle} y=${e.y + 17} text-anchor="middle">${fit(name, e.w - 24)}</text>
    <text class="mono" x=${middle} y=${e.y + 32} text-anchor="middle">${fit(hosts, e.w - 24, "mono")}</text>`, v.ready ? "entry" : "entry waiting");
}

const hostsOf = (v: Vertex): string => [...new Set((v.rules ?? []).map((r) => r.host || "any host"))].join(", ") || "any host";

// No place of its own to select: it is a property of whose it is.
function drawAddress(a: AddressBox): SVGTemplateResult {
  const title = `${a.ip}, from outside, leads to ${a.of.kind} ${nameOf(a.of.id)}`;
  return svg`<g class="address" data-of=${a.of.id}><title>${title}</title>
    <rect class="box" x=${a.x} y=${a.y} width=${a.w} height=${a.h} rx=${a.h / 2}></rect>
    <text class="mono" x=${a.x + a.w / 2} y=${a.y + a.h / 2 + 4} text-anchor="middle">${fit(a.line.length > 0 ? a.ip : `${a.ip} → ${nameOf(a.of.id)}`, a.w - 12, "mono")}</text></g>`;
}

function drawWaiting(w: NonNullable<MapLayout["waiting"]>, l: MapLayout, m: Marks): SVGTemplateResult {
  return svg`<g class="waiting">
    <text class="mono" x=${l.cluster.x + 18} y=${w.y + 18}>waiting for a node</text>
    ${w.boxes.map((b) => target(b.vertex, `Pod ${nameOf(b.vertex.id)}, ${b.vertex.status ?? "Pending"}, waits for a node`, m, svg`
      <rect class="box" x=${b.x} y=${b.y} width=${b.w} height=${b.h} rx="7"></rect>
      <text class="name small" x=${b.x + 10} y=${b.y + 18}>${fit(nameOf(b.vertex.id), b.w - 20)}</text>`, "pod starting"))}
    ${w.more > 0 ? svg`<text class="mono" x=${(w.boxes.at(-1)?.x ?? 0) + 168} y=${w.y + 18}>+${w.more}</text>` : nothing}
  </g>`;
}

function drawControl(c: MachineBox, m: Marks): SVGTemplateResult {
  const ip = c.vertex.ips?.[0] ?? "";
  return target(c.vertex, `control plane ${ip}`, m, svg`
    <rect class="box" x=${c.x} y=${c.y} width=${c.w} height=${c.h} rx="7"></rect>
    <text class="name small" x=${c.x + 12} y=${c.y + c.h / 2 + 4}>control plane</text>
    <text class="mono" x=${c.x + c.w - 12} y=${c.y + c.h / 2 + 4} text-anchor="end">${ip}</text>`, "control");
}

function drawClient(c: MachineBox, m: Marks): SVGTemplateResult {
  const ip = c.vertex.ips?.[0] ?? "";
  return target(c.vertex, `client, outside ${ip}`, m, svg`
    <rect class="box" x=${c.x} y=${c.y} width=${c.w} height=${c.h} rx="10"></rect>
    <text class="name" x=${c.x + c.w / 2} y=${c.y + c.h / 2 - 4} text-anchor="middle">client, outside</text>
    <text class="mono" x=${c.x + c.w / 2} y=${c.y + c.h / 2 + 13} text-anchor="middle">${ip}</text>`, "client");
}

// What can be selected is a button to the keyboard and to those who listen.
function target(v: Vertex, label: string, m: Marks, body: SVGTemplateResult, kind = ""): SVGTemplateResult {
  return svg`<g class=${classes("vertex", kind, m.selected === v.id && "selected", m.onRoute.has(v.id) && "on-route")} data-vertex=${v.id}
    role="button" tabindex=${m.stop === v.id ? 0 : -1} aria-label=${label} aria-pressed=${m.selected === v.id}><title>${label}</title>${body}</g>`;
}

export function classes(...names: (string | false)[]): string {
  return names.filter(Boolean).join(" ");
}
