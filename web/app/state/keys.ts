// Arrow keys over a list of which only one item is in the tab order, and what tells
// a mouse from a keyboard.

const STEP: Record<string, number> = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

/** Whether a mouse made a click: keys press no button, and after a touch a focus would bring up a keyboard. */
export const byMouse = (event: Event): boolean => (event as PointerEvent).detail > 0 && (event as PointerEvent).pointerType !== "touch";

/** Moves the focus among the items of the list that the event came from. */
export function moveInList(event: KeyboardEvent, selector: string): HTMLElement | null {
  const items = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(selector)];
  const at = items.findIndex((x) => x.contains(event.target as Node));
  let next: HTMLElement | undefined;
  if (event.key in STEP) next = items[at + STEP[event.key]!];
  else if (event.key === "Home") next = items[0];
  else if (event.key === "End") next = items[items.length - 1];
  else return null;
  event.preventDefault();
  next?.focus();
  return next ?? null;
}
