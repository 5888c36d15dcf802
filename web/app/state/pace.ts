// When a line that broke is tried again, and when what came over one is drawn.

const FIRST = 250; // ms

/** How long to wait before a try, in ms: about twice as long each time. By chance, so that those
 *  who were cut off together do not come back together. */
export const pause = (longest: number, tries: number): number => Math.min(longest, FIRST * 2 ** tries) * (0.5 + Math.random());

/** ms that a line holds which is no failed try: one that breaks at once would be tried for ever. */
export const STEADY = 5_000;

const HIDDEN = 50; // ms, where no frames are drawn

/** Gives on all that arrives within a frame at once. */
export function gather<T>(give: (all: T[]) => void): { add(one: T): void; forget(): void } {
  let queue: T[] = [];
  let frame = 0;
  let timer = 0;
  const flush = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    if (queue.length > 0) give(queue.splice(0));
  };
  const soon = (): void => {
    if (document.hidden) timer = window.setTimeout(flush, HIDDEN);
    else frame = requestAnimationFrame(flush);
  };
  // A page that is hidden before its next frame gets none until it is looked at again.
  document.addEventListener("visibilitychange", () => document.hidden && flush());
  return {
    add(one) {
      if (queue.push(one) === 1) soon();
    },
    forget() {
      queue = [];
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    },
  };
}
