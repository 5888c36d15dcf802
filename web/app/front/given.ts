// On the page before a playground: what a link or a file would open it with, to be read
// before. It goes into the editor; nothing is applied until the learner applies it.
import { BadGift, fromFile, fromFragment, leave, type Given } from "../state/given";

const form = document.querySelector<HTMLFormElement>("form.opening");
let given: Given | null = null;

/** The objects in a text, as far as lines tell: for people to see what it is about. */
function objects(text: string): string[] {
  return text.split(/^---\s*$/m).flatMap((document) => {
    const kind = /^kind:\s*["']?([\w.-]+)/m.exec(document)?.[1];
    const name = /^metadata:\s*(?:\{[^}]*?\bname:\s*|\n(?:\s+.*\n)*?\s+name:\s*)["']?([\w.-]+)/m.exec(document)?.[1];
    return kind ? [name ? `${kind} ${name}` : kind] : [];
  });
}

function show(now: Given | null, trouble = ""): void {
  given = now;
  const place = form!.querySelector<HTMLElement>(".given")!;
  place.hidden = !now && !trouble;
  const found = now ? objects(now.text) : [];
  const rest = found.length - 8;
  place.querySelector(".given-what")!.textContent = trouble || (now ? `Opens with ${now.name}${found.length ? `: ${found.slice(0, 8).join(", ")}${rest > 0 ? `, and ${rest} more` : ""}` : ""}. It goes into the editor; nothing is applied before you say so.` : "");
  place.classList.toggle("bad", trouble !== "");
  const details = place.querySelector("details")!;
  details.hidden = !now;
  details.querySelector("pre")!.textContent = now?.text ?? "";
}

async function take(from: Promise<Given | null>): Promise<void> {
  try {
    const now = await from;
    if (now) show(now);
  } catch (e) {
    show(null, e instanceof BadGift ? e.message : "It could not be read.");
  }
}

if (form) {
  const input = form.querySelector<HTMLInputElement>(".given-file input")!;
  form.querySelector<HTMLElement>(".given-file")!.hidden = false;
  form.querySelector(".given-file button")!.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    input.value = "";
    if (file) void take(fromFile(file));
  });
  addEventListener("dragover", (e) => e.preventDefault());
  addEventListener("drop", (e) => {
    e.preventDefault();
    const file = e.dataTransfer?.files[0];
    if (file) void take(fromFile(file));
  });
  addEventListener("hashchange", () => void take(fromFragment(location.hash)));
  form.addEventListener("submit", () => given && leave(given));
  void take(fromFragment(location.hash));
}
