// <cluster-panel>: what this cluster is made with, and what can be changed of it
// while it runs. A native popover: Escape and a click beside it close it. What it shows is
// a later chunk, which comes when it is first opened.
import { html, nothing, type TemplateResult } from "lit-html";
import { cni, nodes } from "../state/cluster";
import { Part } from "../state/part";
import { session } from "../state/store";
import { plural } from "../state/text";
import { details } from "./inspector";

class ClusterPanel extends Part {
  protected view(): TemplateResult {
    const count = nodes.value.length || (session.value?.options.nodes ?? 0);
    return html`<button type="button" class="chip open-cluster" popovertarget="cluster" title="This cluster, and what can be changed of it"><span><span class="word">${plural(count, "node")}, </span>${cni.value}${session.value?.options.dualStack ? html`<span class="word">, dual stack</span>` : nothing}</span></button>
      <div id="cluster" class="panel" popover role="dialog" aria-labelledby="cluster-title" @beforetoggle=${details.load}>
        <div class="panel-head"><h2 id="cluster-title">This cluster</h2>
          <button type="button" class="icon" popovertarget="cluster" popovertargetaction="hide" aria-label="Close">×</button></div>
        ${details.draw((m) => m.clusterView())}
      </div>`;
  }
}

customElements.define("cluster-panel", ClusterPanel);
