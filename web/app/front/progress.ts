// On the list of lessons: what is done of each, and all of it as a file, out and in.
import { BadProgress, exported, imported, learnt } from "../state/learnt";

const list = document.querySelector<HTMLElement>(".lessons");

function draw(): void {
  const known = learnt();
  for (const card of list!.querySelectorAll<HTMLElement>("[data-lesson]")) {
    const all = Number(card.dataset.steps);
    const done = Math.min(all, known.get(card.dataset.lesson!)?.length ?? 0);
    card.classList.toggle("done", all > 0 && done === all);
    const place = card.querySelector<HTMLElement>(".card-done")!;
    place.textContent = done === 0 ? "" : done === all ? "Done" : `${done} of ${all} steps done`;
  }
}

function say(text: string): void {
  document.querySelector<HTMLElement>(".progress-tools [role=status]")!.textContent = text;
}

function save(): void {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([exported()], { type: "application/json" }));
  a.download = "podhop-progress.json";
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

async function read(input: HTMLInputElement): Promise<void> {
  const file = input.files?.[0];
  input.value = ""; // so that the same file can be chosen again
  if (!file) return;
  try {
    if (file.size > 1 << 20) throw new BadProgress("This file is larger than any of progress.");
    const n = imported(await file.text());
    draw();
    say(`${n === 1 ? "One lesson" : `${n} lessons`} taken from ${file.name}; what was done here stays done.`);
  } catch (e) {
    say(e instanceof BadProgress ? e.message : `${file.name} could not be read.`);
  }
}

if (list) {
  const tools = document.querySelector<HTMLElement>(".progress-tools")!;
  tools.hidden = false;
  tools.querySelector(".export")!.addEventListener("click", save);
  const input = tools.querySelector("input")!;
  tools.querySelector(".import")!.addEventListener("click", () => input.click());
  input.addEventListener("change", () => void read(input));
  draw();
  addEventListener("pageshow", draw); // come back to from a lesson
}
