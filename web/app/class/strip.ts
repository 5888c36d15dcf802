// <class-strip>: the class, below the bar of a member's session: the way back to it, who looks, who
// has the keyboard, and the way to ask for help.
import { effect, signal } from "@preact/signals-core";
import { html, nothing, type TemplateResult } from "lit-html";
import { announce } from "../state/announce";
import { data } from "../state/data";
import { Part } from "../state/part";
import { toast } from "../state/toast";
import { takeBack } from "./api";
import "./help";
import { memberPage } from "./paths";
import { line, you } from "./seat";

const member = data?.member;
const ending = signal(false);

class ClassStrip extends Part {
  protected view(): TemplateResult {
    const me = you.value;
    const by = me?.looking || me?.class.instructor || "Who teaches";
    return html`<span class="strip-class"><a href=${memberPage(member!.key)}>${me?.class.title ?? member!.class}</a>${me ? html` <span class="muted strip-name">as ${me.name}</span>` : nothing}
        ${line.value.state === "waiting" ? html`<span class="bad" role="status">the class cannot be reached</span>` : line.value.state === "gone" ? html`<span class="bad" role="status">${line.value.reason}</span>` : nothing}</span>
      ${me?.control === "given"
        ? html`<span class="strip-hand holds"><b>${by} has your keyboard</b> <button type="button" class="quiet" ?disabled=${ending.value} @click=${() => void end()}>End</button></span>`
        : me?.looking ? html`<span class="strip-hand"><i aria-hidden="true"></i>${me.looking} looks at your session</span>` : nothing}
      <ask-help data-key=${member!.key}></ask-help>`;
  }
}

/** Takes the keyboard back. */
export async function end(): Promise<void> {
  ending.value = true;
  try {
    await takeBack(member!.key);
    const me = you.peek();
    if (me) you.value = { ...me, control: undefined };
    announce("You have your keyboard back");
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
  ending.value = false;
}

// Whoever listens to the page is told too.
let looked = "";
let had = false;
effect(() => {
  const me = you.value;
  const looks = me?.looking ?? "";
  if (looks !== looked) announce(looks ? `${looks} looks at your session` : `${looked} looks no longer`);
  looked = looks;
  const has = me?.control === "given";
  if (has !== had) announce(has ? `${looks || "Who teaches"} has your keyboard. End it in the class's strip` : "Nobody else has your keyboard");
  had = has;
});

if (member) {
  customElements.define("class-strip", ClassStrip);
  const strip = document.createElement("class-strip");
  strip.setAttribute("role", "region");
  strip.setAttribute("aria-label", "Class");
  document.querySelector("header.bar")?.after(strip);
  document.body.classList.add("in-class");
}
