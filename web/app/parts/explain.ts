// What a kind of thing is, in one or two sentences, where it is shown.
import { html, nothing, type TemplateResult } from "lit-html";
import type { Vertex } from "../model";
import { isStopped } from "../state/cluster";
import { isCutOff } from "../state/faults";

export function explain(v: Vertex): TemplateResult | typeof nothing {
  switch (v.kind) {
    case "Service":
      return service(v);
    case "Client":
      return html`<p>A machine on the same wire as the nodes, outside the cluster. It runs no kube-proxy and has no routes to pods.</p>`;
    case "ControlPlane":
      return html`<p>Where the API server answers. It runs no pods: the nodes' kubelets and kube-proxies, and your kubectl, talk to it.</p>`;
    case "Node":
      return isStopped(v)
        ? html`<p>Its power is off: its kubelet reports nothing, its pods do not run. The API waits before it believes that, as every cluster's does.</p>`
        : isCutOff(v)
          ? html`<p>Its cable is pulled: its pods go on running, and reach each other on it alone. Its kubelet cannot tell the API so.</p>`
          : html`<p>A network namespace of its own, with a kubelet and a kube-proxy. Its pods hang on it, one veth each.</p>`;
    case "Ingress":
      return html`<p>Rules for requests of HTTP: a controller's proxy takes them at its address, and asks a Service on its own. Two connections, one request.</p>`;
    case "Gateway":
      return html`<p>Where requests come in. Routes attach to it, and say which Service they go to.</p>`;
    case "HTTPRoute":
    case "GRPCRoute":
      return html`<p>Which requests of a Gateway go to which Service. It says so only where the Gateway has accepted it.</p>`;
    case "NetworkPolicy":
      return html`<p>The pods that it selects are isolated: each node drops what none of their policies lets through.</p>`;
    default:
      return nothing;
  }
}

function service(v: Vertex): TemplateResult | typeof nothing {
  const ip = v.ips?.[0];
  if (v.status === "ExternalName") return html`<p>Only a name: DNS answers with an alias, and nothing is forwarded.</p>`;
  if (!ip || ip === "None") return html`<p>Headless: it has no address. DNS answers with those of its endpoints.</p>`;
  const outside = v.external?.length ? html` From outside, <code>${v.external[0]}</code> leads to the nodes, whose rules do the same.` : nothing;
  return html`<p>No interface holds <code>${ip}</code>. It exists only as rules on every node, which kube-proxy writes: they put an endpoint's address in its place.${outside}</p>`;
}
