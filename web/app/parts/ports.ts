// Where a browser reaches an object of the session: its ports as addresses of the server.
import type { Vertex } from "../model";
import { at } from "../state/base";
import { data } from "../state/data";
import { vertices } from "../state/store";

interface Port {
  name: string;
  url: string;
}

const most = 4; // an object with more has a page of its own for them

export function portsOf(v: Vertex): Port[] {
  const base = data?.session && at(`/s/${encodeURIComponent(data.session.id)}/`);
  if (!base) return [];
  const to = (host: string, port: number): Port => ({ name: `${host}:${port}`, url: `${base}port/${encodeURIComponent(host)}/${port}/` });
  const found: Port[] = [];
  if (v.kind === "Service") {
    const node = [...vertices.value.values()].find((x) => x.kind === "Node" && x.ready)?.name;
    for (const p of v.ports ?? []) {
      if (p.protocol !== "TCP") continue;
      if (p.nodePort && node) found.push(to(node, p.nodePort));
      for (const ip of v.external ?? []) found.push(to(ip, p.port));
    }
  } else if (v.kind === "Ingress" || v.kind === "HTTPRoute") {
    for (const host of new Set((v.rules ?? []).map((r) => r.host ?? ""))) {
      if (host && !host.startsWith("*")) found.push({ name: host, url: `${base}host/${encodeURIComponent(host)}/` });
    }
  }
  return found.slice(0, most);
}
