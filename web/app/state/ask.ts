// A question before something that cannot be taken back. A native dialog: it holds the
// keyboard while it is open, Escape says no, and the focus goes back to where it was.
import { html, nothing, render } from "lit-html";

export interface Question {
  title: string;
  text: string;
  yes: string; // what the button says: the deed itself, as in "Remove node-1"
  no?: string;
  danger?: boolean;
}

/** Asks, and answers whether it was a yes. */
export async function ask(q: Question): Promise<boolean> {
  return (await askWith(q)) !== null;
}

/** Asks with a choice beside it; answers how that was left, or null for a no. */
export function askWith(q: Question, choice?: { text: string; on: boolean }): Promise<{ on: boolean } | null> {
  const dialog = document.createElement("dialog");
  dialog.className = "ask";
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.setAttribute("aria-describedby", "ask-text");
  render(html`<form method="dialog">
    <h2 id="ask-title">${q.title}</h2>
    <p id="ask-text">${q.text}</p>
    ${choice ? html`<label class="choice"><input type="checkbox" name="choice" ?checked=${choice.on}><span>${choice.text}</span></label>` : nothing}
    <div class="actions"><button class=${q.danger ? "danger" : "primary"} value="yes">${q.yes}</button>
      <button class="quiet" value="" autofocus>${q.no ?? "Cancel"}</button></div></form>`, dialog);
  document.body.append(dialog);
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      const on = dialog.querySelector<HTMLInputElement>("[name=choice]")?.checked ?? false;
      dialog.remove();
      answer(dialog.returnValue === "yes" ? { on } : null);
    });
    dialog.showModal();
  });
}
