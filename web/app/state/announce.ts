// Says something to those who listen to the page instead of looking at it.

let pending: string[] = [];

export function announce(text: string): void {
  if (pending.push(text) > 1) return;
  // What happens together is read together.
  setTimeout(() => {
    const region = document.getElementById("announce");
    if (region) region.textContent = pending.join(". ");
    pending = [];
  }, 150);
}
