// The entry point of the page that a public site shows before it opens something: it does the
// work that is asked for, and sends the form again with the answer.
const form = document.querySelector<HTMLFormElement>(".gate form");

if (form) {
  const state = form.querySelector(".gate-state") as HTMLElement;
  const bar = form.querySelector("progress") as HTMLProgressElement;
  const again = form.querySelector("button") as HTMLButtonElement;
  const go = async () => {
    again.hidden = true;
    state.textContent = "Working. This takes some seconds.";
    try {
      const { solve } = await import("./gate/solve");
      const answer = await solve(form.dataset.challenge ?? "", (likely) => (bar.value = likely));
      bar.value = 1;
      state.textContent = "Done. Your cluster is being opened.";
      (form.elements.namedItem("work") as HTMLInputElement).value = answer;
      form.submit();
    } catch (err) {
      state.textContent = err instanceof Error ? err.message : String(err);
      again.hidden = false;
    }
  };
  again.onclick = go;
  // What the server did not take it may not take again: nobody's computer works for ever.
  if (again.hidden) void go();
}
