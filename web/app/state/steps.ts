// Steps through what is chosen: hop by hop, packet by packet, and from one
// conversation to the next. The map and the lists follow the selection.
import { announce } from "./announce";
import { conversation, conversationID, hop, journey, showConversation, showHop, showJourney } from "./selection";
import { neighbour } from "./shown";
import { placeOf } from "./text";

/** One hop on (1) or back (-1); past a packet's last hop, to the next packet. */
export function step(by: 1 | -1): void {
  const j = journey.value;
  const c = conversation.value;
  if (!j || !c) return stepConversation(1);
  const next = hop.value + by;
  if (next >= 0 && next < (j.hops?.length ?? 0)) showHop(next);
  else {
    const other = c.journeys[c.journeys.findIndex((x) => x.id === j.id) + by];
    if (!other) return announce(by > 0 ? "That was the last packet" : "That was the first packet");
    showJourney(other.id);
    showHop(by > 0 ? 0 : (other.hops?.length ?? 1) - 1);
  }
  tell();
}

/** Whether there is a step to take. */
export function canStep(by: 1 | -1): boolean {
  const j = journey.value;
  const c = conversation.value;
  if (!j || !c) return false;
  const next = hop.value + by;
  return (next >= 0 && next < (j.hops?.length ?? 0)) || c.journeys[c.journeys.findIndex((x) => x.id === j.id) + by] !== undefined;
}

/** The conversation below (1) or above (-1) the chosen one in the list. */
export function stepConversation(by: 1 | -1): void {
  const next = neighbour(conversationID.value, by);
  if (!next) return announce(by > 0 ? "That was the last conversation" : "That was the first conversation");
  showConversation(next);
  tell();
}

function tell(): void {
  const j = journey.value;
  const h = j?.hops?.[hop.value];
  if (j && h) announce(`${j.summary}, hop ${hop.value + 1} of ${j.hops!.length}, ${placeOf(h.place)}: ${h.sentence || h.decision?.sentence || ""}`);
}
