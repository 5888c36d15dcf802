// When a part of the page is in sight: not in a hidden tab, and not on a page that nobody
// looks at. What follows the API does so only then.

export function whenSeen(at: Element, tell: (seen: boolean) => void): () => void {
  let inSight = false;
  let told = false;
  const look = (): void => {
    const seen = inSight && !document.hidden;
    if (seen !== told) tell((told = seen));
  };
  const watch = new IntersectionObserver((entries) => {
    inSight = entries.at(-1)!.isIntersecting;
    look();
  });
  watch.observe(at);
  document.addEventListener("visibilitychange", look);
  return () => {
    watch.disconnect();
    document.removeEventListener("visibilitychange", look);
    if (told) tell(false);
  };
}
