// What can be found and run by name: the parts of the page offer it, the palette shows it.
export interface Command {
  id: string; // the same for the same thing, so that what was run lately comes first
  title: string;
  hint?: string; // what kind of thing it is, or where it leads
  keys?: string; // as they are written on keys
  run(): void;
}

const sources: (() => readonly Command[])[] = [];

/** Offers commands. The source is asked each time the palette looks, so it tells what can be done now. */
export function offer(source: () => readonly Command[]): void {
  sources.push(source);
}

/** All that is offered now. */
export function commands(): Command[] {
  return sources.flatMap((source) => source());
}

const waiting = new Set<() => void>();

/** Calls back when a source has more to offer than it told, until that is undone. */
export function onMore(call: () => void): () => void {
  waiting.add(call);
  return () => void waiting.delete(call);
}

/** Says that a source offers more now. */
export function changed(): void {
  for (const call of waiting) call();
}
