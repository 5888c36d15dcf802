// Asks a member whether somebody may have their keyboard. It is a no until they say yes: what is
// typed as the question comes up answers nothing, Escape and time are a no.
import { effect } from "@preact/signals-core";
import { html, render } from "lit-html";
import { data } from "../state/data";
import { toast } from "../state/toast";
import { consent } from "./api";
import { you } from "./seat";

// In seconds: how long the server waits if it does not say, and how much sooner the answer is sent.
const WAITS = 60;
const SOONER = 5;

let dialog: HTMLDialogElement | null = null;

effect(() => {
  const me = you.value;
  if (me?.control === "asked") open(me.looking || me.class.instructor || "Who teaches the class", me.answerIn ?? WAITS);
  else dialog?.close("gone");
});

function open(name: string, waits: number): void {
  if (dialog) return;
  const box = (dialog = document.createElement("dialog"));
  box.className = "ask consent";
  box.setAttribute("aria-labelledby", "consent-title");
  box.setAttribute("aria-describedby", "consent-text");
  const end = performance.now() + Math.max(1, waits - SOONER) * 1000;
  const left = (): number => Math.round((end - performance.now()) / 1000); // timers of a page that nobody sees come late
  const draw = (): void =>
    void render(html`<form method="dialog"><h2 id="consent-title" tabindex="-1">May ${name} have your keyboard?</h2>
      <p id="consent-text">They type and click in your cluster as you do, and you see all of it. You can end it at any time.</p>
      <p class="muted consent-time" role="timer">No answer is a no, in ${left()} s.</p>
      <div class="actions"><button class="quiet" value="no">No</button><button class="primary" value="yes">Yes, for now</button></div></form>`, box);
  draw();
  const timer = setInterval(() => {
    if (left() <= 0) box.close("no");
    else draw();
  }, 1000);
  box.addEventListener("close", () => {
    clearInterval(timer);
    dialog = null;
    box.remove();
    if (box.returnValue !== "gone") void answer(box.returnValue === "yes");
  });
  document.body.append(box);
  box.showModal();
  // Not on a button: an Enter that was meant for the terminal must not press one.
  box.querySelector<HTMLElement>("h2")!.focus();
}

async function answer(yes: boolean): Promise<void> {
  const me = you.peek();
  if (me) you.value = { ...me, control: yes ? "given" : undefined };
  try {
    await consent(data!.member!.key, { yes });
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
}
