// <page-search>: the way into the palette, which is a later chunk; and <page-menu>: what is wanted now and then.
import { html, nothing, type TemplateResult } from "lit-html";
import { resetLayout, whole } from "../state/areas";
import { data, looking, recorded } from "../state/data";
import { startOver } from "../state/lifetime";
import { Part } from "../state/part";
import { setTheme, theme, type Theme } from "../state/theme";
import { icon } from "./icons";

const mac = navigator.platform.startsWith("Mac");
/** The key of the palette, as it is written on keys. */
export const searchKey = mac ? "⌘ K" : "Ctrl K";

export function search(): void {
  void Promise.all([import("./palette"), import("./catalog")]).then(([m]) => m.open());
}

addEventListener("keydown", (e) => {
  if (e.key.toLowerCase() !== "k" || !(mac ? e.metaKey : e.ctrlKey) || e.shiftKey || e.altKey || document.querySelector("dialog[open], dialog.frozen")) return;
  e.preventDefault();
  e.stopPropagation(); // an editor has something else there
  search();
}, true);

class PageSearch extends Part {
  protected view(): TemplateResult {
    return html`<button type="button" class="chip search" aria-haspopup="dialog" @click=${search}>${icon("search")}<span class="word">Search or run</span><kbd aria-hidden="true">${searchKey}</kbd></button>`;
  }
}

const THEMES: [Theme, string][] = [["system", "System"], ["light", "Light"], ["dark", "Dark"]];

class PageMenu extends Part {
  protected view(): TemplateResult {
    return html`<button type="button" class="icon open-menu" popovertarget="menu" aria-label="Menu" title="Menu">${icon("menu")}</button>
      <div id="menu" class="panel page-menu" popover role="dialog" aria-label="Menu">
        <ul>
          ${data?.session && !data.session.rights ? html`<li><button type="button" class="share-session" @click=${() => this.#then(() => void import("../demo/index").then((m) => m.share()))}>Share this session…</button></li>
          <li><button type="button" class="duplicate" @click=${() => this.#then(() => void import("../demo/index").then((m) => m.duplicate()))}>Duplicate this session</button></li>` : nothing}
          ${recorded ? nothing : html`${looking ? nothing : html`<li><button type="button" class="open-record" @click=${() => void record()}>Save or share a recording…</button></li>`}
          <li><a class="kubeconfig" href=${`${data?.api}/kubeconfig`} download=${`podhop-${data?.session?.id}.kubeconfig`}>Download kubeconfig <span class="muted">for kubectl on your own machine</span></a></li>`}
          <li><button type="button" class="whole-map" @click=${() => this.#then(() => (whole.value = !whole.value))}>${whole.value ? "Back from the whole map" : "The map on the whole page"}</button></li>
          <li><button type="button" @click=${() => this.#then(resetLayout)}>Reset the layout</button></li>
          ${document.querySelector("key-help") ? html`<li><button type="button" @click=${() => instead("keys")}>Keys</button></li>` : nothing}
          ${recorded || looking ? nothing : html`<li><button type="button" @click=${() => this.#then(() => void startOver())}>Start over…</button></li>`}
        </ul>
        <fieldset class="theme"><legend>Theme</legend><div class="segments">
          ${THEMES.map(([t, text]) => html`<label><input type="radio" name="theme" value=${t} .checked=${theme.value === t} @change=${() => setTheme(t)}><span>${text}</span></label>`)}</div></fieldset>
      </div>`;
  }

  #then(act: () => void): void {
    hide();
    act();
  }
}

function hide(): void {
  const menu = document.getElementById("menu");
  if (menu?.matches(":popover-open")) menu.hidePopover();
}

// Another panel in the menu's place; the focus goes back to the menu's button.
function instead(id: string): void {
  hide();
  document.getElementById(id)?.showPopover();
}

/** The panel of recordings, which is a later chunk. */
export async function record(): Promise<void> {
  await import("./record");
  instead("record");
}

customElements.define("page-search", PageSearch);
customElements.define("page-menu", PageMenu);
