// Notices that come and go by themselves, with a way back from what was just done. They
// wait while somebody points at them or has the focus there, and the way back stays in the palette.
import { announce } from "./announce";
import { offer } from "./commands";

export interface Notice {
  undo?: () => Promise<void>;
  /** Something else to do about it. */
  action?: { text: string; act: () => Promise<void> | void };
  /** Whether it stays until somebody does something about it. */
  stays?: boolean;
}

const SHORT = 6_000; // ms
const LONG = 15_000; // ms, with something to press
const MOST = 3;

let last: { text: string; undo: () => Promise<void> } | null = null; // what can be undone
offer(() => (last ? [{ id: "undo", title: "Undo", hint: last.text, run: undoLast }] : []));

function undoLast(): void {
  const was = last;
  last = null;
  if (was) void run(was.undo);
}

/** Tells of something that happened; how to undo it, if it can be undone. Returns what takes the notice away. */
export function toast(text: string, notice: Notice = {}): () => void {
  const { undo } = notice;
  const action = notice.action ?? (undo && { text: "Undo", act: () => (last?.undo === undo && (last = null), undo()) });
  if (undo) last = { text, undo };
  const box = document.createElement("div");
  box.className = "toast";
  const close = (): void => {
    clearTimeout(timer);
    const frame = box.parentElement;
    box.remove();
    if (frame?.childElementCount === 0) frame.hidePopover();
  };
  const said = document.createElement("p");
  said.textContent = text;
  box.append(said);
  if (action) box.append(button("quiet", action.text, () => (close(), void run(action.act))));
  box.append(button("icon", "×", close, "Dismiss"));
  let timer = 0;
  const wait = (): void => {
    clearTimeout(timer);
    if (!notice.stays) timer = window.setTimeout(close, action ? LONG : SHORT);
  };
  const hold = (): void => clearTimeout(timer);
  box.addEventListener("pointerenter", hold);
  box.addEventListener("focusin", hold);
  box.addEventListener("pointerleave", wait);
  box.addEventListener("focusout", wait);
  wait();
  const frame = region();
  frame.append(box);
  while (frame.childElementCount > MOST) frame.firstElementChild!.remove();
  // Shown anew it lies above dialogs and panels that were opened since.
  if (frame.matches(":popover-open")) frame.hidePopover();
  frame.showPopover();
  announce(action ? `${text}. ${action.text} is among the notices, and in the palette` : text);
  return close;
}

async function run(deed: () => Promise<void> | void): Promise<void> {
  try {
    await deed();
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
}

function button(kind: string, text: string, press: () => void, label?: string): HTMLButtonElement {
  const b = document.createElement("button");
  b.type = "button";
  b.className = kind;
  b.textContent = text;
  if (label) b.setAttribute("aria-label", label);
  b.addEventListener("click", press);
  return b;
}

function region(): HTMLElement {
  let frame = document.getElementById("toasts");
  if (frame) return frame;
  frame = document.createElement("section");
  frame.id = "toasts";
  frame.setAttribute("aria-label", "Notices");
  frame.popover = "manual";
  document.body.append(frame);
  return frame;
}
