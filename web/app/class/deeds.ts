// What an instructor does with one person's session, or with the class. What comes of it
// arrives on the stream; what fails is said.
import type { ClassChange, Member } from "../model";
import { announce } from "../state/announce";
import { ask } from "../state/ask";
import { toast } from "../state/toast";
import * as api from "./api";
import { viewPage } from "./paths";
import { klass } from "./store";
import { plural } from "../state/text";

const key = (): string => klass.peek().key ?? "";

/** Does something, and says why it could not. Answers whether it was done. */
export async function attempt(deed: () => Promise<unknown>): Promise<boolean> {
  try {
    await deed();
    return true;
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
    return false;
  }
}

/** Opens somebody's session in a tab of its own, to look. They see it. */
export async function look(m: Member): Promise<void> {
  // Opened at once: a browser blocks what is opened later.
  const tab = window.open("", "_blank");
  const done = await attempt(async () => {
    const { view } = await api.look(key(), m.id);
    const page = viewPage(view, m.lesson, m.step);
    if (!tab) return void toast("The browser kept a new tab from being opened.", { action: { text: "Open here", act: () => location.assign(page) }, stays: true });
    tab.opener = null;
    tab.location.href = page;
  });
  if (!done) tab?.close();
}

export const lookAway = (m: Member): Promise<boolean> => attempt(() => api.lookAway(key(), m.id));

export async function askControl(m: Member): Promise<void> {
  if (await attempt(() => api.askControl(key(), m.id))) announce(`${m.name} is asked for the keyboard`);
}

export const endControl = (m: Member): Promise<boolean> => attempt(() => api.endControl(key(), m.id));

export async function remove(m: Member): Promise<void> {
  const yes = await ask({ title: `Remove ${m.name}?`, text: "Their cluster closes, and their way back into the class is gone. What they have done is not among the results then.", yes: `Remove ${m.name}`, danger: true });
  if (yes && (await attempt(() => api.removeMember(key(), m.id)))) announce(`${m.name} was removed`);
}

export async function change(c: ClassChange, said: string): Promise<boolean> {
  const done = await attempt(async () => (klass.value = { ...(await api.changeClass(key(), c)), key: key() }));
  if (done) announce(said);
  return done;
}

export const unfreeze = (): Promise<boolean> => change({ frozen: false }, "All screens go on");

export async function close(): Promise<void> {
  const n = klass.peek().members;
  const yes = await ask({
    title: "Close the class?",
    text: `${n === 0 ? "Nobody has joined." : `The clusters of ${plural(n, "person", "people")} close, with all that runs in them.`} Nobody can join any more. The results are kept for 30 days, at this address.`,
    yes: "Close the class",
    danger: true,
  });
  if (yes) await attempt(async () => (klass.value = { ...(await api.closeClass(key())), key: key() }));
}

export const resultsURL = (as: "json" | "csv"): string => api.resultsURL(key(), as);
