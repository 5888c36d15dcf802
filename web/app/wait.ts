// The page of who waits while the server is full: it says where they are, and posts what they
// asked for when it is their turn.
import type { Queued } from "./model";
import { at } from "./state/base";
import { every, latest, place } from "./state/queue";

const page = document.querySelector<HTMLElement>(".wait");
const part = <T extends HTMLElement>(name: string) => page!.querySelector<T>(name)!;

/** Sets a text only if it is another, so that it is read out once. */
function say(name: string, text: string): void {
  const e = part(name);
  if (e.textContent !== text) e.textContent = text;
}

function over(): void {
  say(".wait-place", "Your place was given up");
  say(".wait-latest", "");
  say(".wait-trouble", "Nobody asked for it for half a minute, or your turn passed. You can ask again.");
  document.title = "Your place was given up, Podhop";
  const form = part<HTMLFormElement>("form");
  const to = new URL(form.action);
  to.searchParams.delete("ticket");
  form.action = to.href;
  const button = part<HTMLButtonElement>(".wait-open");
  button.textContent = "Ask again";
  button.hidden = false;
}

async function ask(ticket: string): Promise<void> {
  let q: Queued;
  try {
    const answer = await fetch(at(`/api/queue/${ticket}`));
    if (answer.status === 404) return over();
    if (!answer.ok) throw new Error(answer.statusText);
    q = await answer.json();
  } catch {
    say(".wait-trouble", "The server does not answer just now. This page goes on trying.");
    setTimeout(ask, every, ticket);
    return;
  }
  say(".wait-trouble", "");
  say(".wait-place", place(q));
  say(".wait-latest", latest(q));
  document.title = place(q) + ", Podhop";
  if (q.turn) {
    say(".wait-latest", "Opening…");
    part<HTMLFormElement>("form").requestSubmit();
    return;
  }
  setTimeout(ask, every, ticket);
}

if (page) {
  const ticket = page.dataset.ticket!;
  part("a.wait-leave").addEventListener("click", () => void fetch(at(`/api/queue/${ticket}`), { method: "DELETE", keepalive: true }));
  void ask(ticket);
}
