// A dialog that says where somebody is in the queue who asked for a session while the server is
// full, until it is their turn. To leave it is to wait no more.
import { html, render } from "lit-html";
import type { Queued } from "../model";
import { at } from "../state/base";
import { every, latest, place } from "../state/queue";

const own = (ticket: string): string => at(`/api/queue/${encodeURIComponent(ticket)}`);

/** Waits until it is a ticket's turn; fails if it is given up. */
export function turn(first: Queued): Promise<void> {
  const dialog = document.createElement("dialog");
  dialog.className = "ask queued";
  dialog.setAttribute("aria-labelledby", "queued-place");
  dialog.setAttribute("aria-describedby", "queued-text");
  const draw = (q: Queued, trouble = ""): void =>
    void render(html`<form method="dialog">
      <h2 id="queued-place"><span role="status">${place(q)}</span></h2>
      <p id="queued-text">This server holds as many clusters as it can. When it is your turn, yours opens by itself: leave this page open.</p>
      <p class="muted">${latest(q)}</p>
      <p class="bad" role="status">${trouble}</p>
      <div class="actions"><button class="quiet" value="">Wait no more</button></div></form>`, dialog);
  draw(first);
  document.body.append(dialog);
  return new Promise((yes, no) => {
    let timer = 0;
    let last = first;
    const look = async (): Promise<void> => {
      try {
        const answer = await fetch(own(first.ticket));
        if (answer.status === 404) return dialog.close("gone");
        if (!answer.ok) throw new Error(answer.statusText);
        last = (await answer.json()) as Queued;
        if (last.turn) return dialog.close("turn");
        if (dialog.open) draw(last);
      } catch {
        draw(last, "The server does not answer just now. This page goes on trying.");
      }
      if (dialog.open) timer = window.setTimeout(() => void look(), every);
    };
    dialog.addEventListener("close", () => {
      clearTimeout(timer);
      dialog.remove();
      if (dialog.returnValue === "turn") return yes();
      if (dialog.returnValue === "gone") return no(new Error("Your place was given up. You can ask again."));
      void fetch(own(first.ticket), { method: "DELETE", keepalive: true }).catch(() => undefined);
      no(new Error("You wait no more. You can ask again."));
    });
    dialog.showModal();
    void look();
  });
}
