// Who looks on at whom: what is shown to others, and what others show here, are later chunks.
import { effect, signal } from "@preact/signals-core";
import type { Message } from "../model";
import { looking } from "./data";

/** How many look on by links. */
export const watching = signal(0);

const chunk = () => import("../demo/index");
const viewer = looking ? chunk().then((m) => (m.look(), m)) : null;
let told = false;

export function follow(all: Message[]): void {
  for (const m of all) watching.value = m.watching?.count ?? (m.snapshot ? (m.snapshot.watching ?? 0) : watching.peek());
  void viewer?.then((v) => v.receive(all));
}

effect(() => {
  if (looking || told || watching.value === 0) return;
  told = true;
  void chunk().then((m) => m.present());
});
