// Asks what everybody is to read while their screens are frozen. A later chunk.
import { html } from "lit-html";
import { change } from "./deeds";
import { openDialog } from "./dialog";

const LAST = { text: "Eyes to the front, please." };

export function open(): void {
  openDialog("freeze", "Freeze all screens?", (d) => html`<form @submit=${async (e: Event) => {
      e.preventDefault();
      LAST.text = String(new FormData(e.currentTarget as HTMLFormElement).get("text") ?? "").trim();
      d.close();
      await change({ frozen: true, freezeText: LAST.text }, "All screens are frozen");
    }}>
    <p class="muted">Everybody can still read what is on their screen, and change nothing, until you unfreeze them.</p>
    <label class="line"><span>What they read</span><textarea name="text" rows="3" maxlength="300" data-first .value=${LAST.text}></textarea></label>
    <div class="actions"><button class="primary">Freeze</button><button type="button" class="quiet" @click=${d.close}>Cancel</button></div></form>`);
}
