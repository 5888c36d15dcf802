// What the class's stream told so far, as signals. Only receive() changes it.
import { batch, computed, effect, signal } from "@preact/signals-core";
import type { Class, ClassEvent, ClassMessage, Member } from "../model";
import { announce } from "../state/announce";
import { given } from "./given";
import type { Line } from "./line";
import { viewPage } from "./paths";

const KEEP_EVENTS = 200;

export const klass = signal<Class>(given.class);
export const members = signal<ReadonlyMap<string, Member>>(new Map());
export const events = signal<readonly ClassEvent[]>([]);
export const line = signal<Line>({ state: "connecting" });
/** Whether the first message has come. */
export const ready = signal(false);

/** ms since the epoch, now and then: what is said as so long ago follows it. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 10_000);

export const isClosed = computed(() => Boolean(klass.value.closed));
export const online = computed(() => [...members.value.values()].filter((m) => m.online).length);
export const wanting = computed(() => [...members.value.values()].filter((m) => m.help));

export function receive(messages: readonly ClassMessage[]): void {
  batch(() => {
    const next = new Map(members.value);
    const told: ClassEvent[] = [];
    for (const m of messages) {
      if (m.all) {
        next.clear();
        for (const one of m.members ?? []) next.set(one.id, one);
        told.length = 0;
        events.value = [];
        told.push(...(m.events ?? []));
        ready.value = true;
      }
      // The key is what the page was opened by, which changes do not repeat.
      if (m.class) klass.value = { ...m.class, key: m.class.key || klass.value.key };
      if (m.member) {
        sayHelp(next.get(m.member.id), m.member);
        next.set(m.member.id, m.member);
      }
      if (m.gone) next.delete(m.gone);
      if (m.event) told.push(m.event);
    }
    members.value = next;
    if (told.length > 0) events.value = [...events.value, ...told].slice(-KEEP_EVENTS);
    now.value = Date.now();
  });
}

// What takes away the notice that somebody gave the keyboard, which leads nowhere when it is theirs again.
const lent = new Map<string, () => void>();

effect(() => {
  const all = members.value;
  for (const [id, close] of lent) {
    if (all.get(id)?.control === "given") continue;
    lent.delete(id);
    close();
  }
});

// The view with the keyboard is another one than that to look at, which has ended.
function keyboard(m: Member): void {
  void import("../state/toast").then(({ toast }) => {
    if (members.peek().get(m.id)?.control !== "given") return;
    lent.set(m.id, toast(`${m.name} gave you the keyboard`, { action: { text: "Open their session", act: () => void window.open(viewPage(m.view ?? "", m.lesson, m.step), "_blank", "noopener") }, stays: true }));
  });
}

function sayHelp(was: Member | undefined, is: Member): void {
  if (is.help && !was?.help) announce(`${is.name} asks for help${is.help.text ? `: ${is.help.text}` : ""}`);
  if (is.control === "given" && was?.control === "asked") keyboard(is);
  if (!is.control && was?.control === "asked") announce(`${is.name} did not give you the keyboard`);
}

// A tab in the background says it too.
effect(() => {
  const n = wanting.value.length;
  document.title = `${n > 0 ? `(${n}) ` : ""}${klass.value.title}, Podhop`;
});
