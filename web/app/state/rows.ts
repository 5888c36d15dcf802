// The list of journeys as rows: conversations, and the packets of those that are
// unfolded. Only the rows in sight are drawn.
import { computed, signal } from "@preact/signals-core";
import type { Journey } from "../model";
import type { Conversation } from "./conversation";
import { conversationID, journeyID, showConversation, showJourney } from "./selection";
import { shown } from "./shown";

export interface Row {
  key: string;
  conversation: Conversation;
  journey?: Journey; // of a packet's row
}

export const unfolded = signal<ReadonlySet<string>>(new Set());

export function unfold(id: string, open: boolean): void {
  const next = new Set(unfolded.value);
  if (open) next.add(id);
  else next.delete(id);
  unfolded.value = next;
}

export const rows = computed<Row[]>(() => {
  const open = unfolded.value;
  if (open.size === 0) return shown.value.map((conversation) => ({ key: conversation.id, conversation }));
  return shown.value.flatMap((conversation) => {
    const row = { key: conversation.id, conversation };
    if (!open.has(conversation.id)) return [row];
    return [row, ...conversation.journeys.map((journey) => ({ key: `${conversation.id} ${journey.id}`, conversation, journey }))];
  });
});

/** The key of the row that stands for what is selected; "" if there is none. */
export const current = computed(() => {
  const id = conversationID.value;
  if (id === null) return "";
  return unfolded.value.has(id) && journeyID.value !== null && !folded.value ? `${id} ${journeyID.value}` : id;
});
/** Whether the conversation itself is meant, although its packets are in sight. */
const folded = signal(false);

export function choose(r: Row): void {
  folded.value = r.journey === undefined;
  if (r.journey) showJourney(r.journey.id);
  else showConversation(r.conversation);
}

/** Rows from first to last, and how many there are above and below. */
export interface Sight {
  first: number;
  last: number; // exclusive
}

/** The rows that a window of a height shows when it is scrolled, and some around them. */
export function sight(count: number, height: number, scroll: number, row: number, spare = 8): Sight {
  const first = Math.max(0, Math.min(count, Math.floor(scroll / row)) - spare);
  return { first, last: Math.min(count, Math.ceil((scroll + height) / row) + spare) };
}
