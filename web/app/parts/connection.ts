// <link-state>: whether what is shown is live; and what to do when it is not.
import { html, nothing, type TemplateResult } from "lit-html";
import { at } from "../state/base";
import { looking } from "../state/data";
import { Part } from "../state/part";
import { connection } from "../state/store";

class LinkState extends Part {
  protected view(): TemplateResult {
    const c = connection.value;
    const text = { connecting: "connecting", live: "live", waiting: c.state === "waiting" && c.restarts ? "server restarts, reconnecting" : "reconnecting", gone: "session gone" }[c.state];
    return html`<span class=${`chip link ${c.state}`} role="status"><i aria-hidden="true"></i><span class="word">${text}</span></span>
      ${c.state !== "gone" ? nothing : html`<div class="gone" role="alertdialog" aria-labelledby="gone-title" aria-describedby="gone-text">
        <h2 id="gone-title">${looking ? "There is nothing to look at any more" : "This cluster is no longer there"}</h2>
        <p id="gone-text">${c.reason} ${looking ? "" : "What you wrote in the editor is still on this page."}</p>
        ${c.next
          ? html`<a class="primary" href=${c.next + location.search}>Go on with the new one</a>`
          : html`<form method="post" action=${at("/playground")}><button class="primary">Open a new playground</button></form>`}
      </div>`}`;
  }
}

customElements.define("link-state", LinkState);
