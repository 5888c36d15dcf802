// On a phone the parts of the page lie below each other: show the one where
// something has just been put. In a wide window all are in sight anyway.
const narrow = matchMedia("(max-width: 860px)");
const still = matchMedia("(prefers-reduced-motion: reduce)");

export function reveal(id: string): void {
  if (narrow.matches) document.getElementById(id)?.scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
}
