// The class on a member's session page: a chunk that is loaded where the server says that the
// session is a member's. It tells the class where the member is, and shows what comes from it.
import { data } from "../state/data";
import { announce } from "../state/announce";
import { tellProgress } from "./api";
import { followSeat, onNotice } from "./seat";
import "./strip";
import "./notices";
import "./consent";
import "./frozen";

const member = data?.member;
const session = data?.session?.id ?? "";
const lesson = data?.lesson?.slug;

if (member && session) {
  followSeat(member.key);
  onNotice((n) => announce(`${n.by}: ${n.push.text || n.push.kind}`));
  if (lesson) watch(lesson);
}

// Which step is on view, and which hints are unfolded. It is only for who teaches to see
// where somebody reads: what is done, the server knows by itself.
function watch(lesson: string): void {
  const text = document.querySelector("lesson-text");
  if (!text) return;
  const steps = [...text.querySelectorAll<HTMLElement>("[data-step]")];
  const current = (): number => steps.findIndex((s) => !s.hidden) + 1;
  const tell = (more: { hint?: number; solution?: boolean } = {}): void =>
    void tellProgress(session, { lesson, step: Math.max(1, current()), ...more }).catch(() => {}); // the next one says it again
  let at = current();
  tell();
  new MutationObserver(() => {
    if (current() === at || current() === 0) return;
    at = current();
    tell();
  }).observe(text, { subtree: true, attributes: true, attributeFilter: ["hidden"] });
  text.addEventListener("toggle", (e) => {
    const unfolded = e.target as HTMLDetailsElement;
    const help = unfolded.closest(".help");
    if (!help || !unfolded.open) return;
    if (unfolded.querySelector(":scope > ol")) tell({ solution: true });
    else tell({ hint: [...help.querySelectorAll(":scope > details")].indexOf(unfolded) + 1 });
  }, true);
}
