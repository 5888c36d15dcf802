// What the palette offers of the live page: what is done with the class, and with each person.
import type { Member } from "../model";
import { type Command, offer } from "../state/commands";
import { setTheme, theme, type Theme } from "../state/theme";
import { askControl, change, close, endControl, look, remove, resultsURL } from "./deeds";
import { openPush } from "./open";
import { SORTS } from "./order";
import { chooseNone, choose, chosen, rows, sort } from "./rows";
import { shortcuts } from "./keys";
import { isClosed, klass, members } from "./store";

offer(() => {
  const c = klass.peek();
  const open: Command[] = isClosed.peek()
    ? []
    : [
        ...[["message", "a message"], ["hint", "a hint"], ["manifest", "a manifest"], ["step", "a step"], ["lesson", "a lesson"], ["start-over", "to start over"], ["fault", "a fault"]].map(([kind, text]): Command =>
          ({ id: `push ${kind}`, title: `Push ${text}…`, hint: chosen.peek().length > 0 ? "to those who were chosen" : "to all", run: () => openPush(chosen.peek(), kind) })),
        { id: "joining", title: c.open ? "Stop joining" : "Let people join", run: () => void change({ open: !c.open }, c.open ? "Nobody can join any more" : "People can join again") },
        { id: "close", title: "Close the class…", run: () => void close() },
      ];
  return [
    ...shortcuts.filter((s) => s.label !== "Esc").map((s): Command => ({ id: `key ${s.label}`, title: s.does, keys: s.label, run: () => void s.act(new KeyboardEvent("keydown")) })),
    ...open,
    { id: "choose all", title: "Choose all who are listed", run: () => choose(rows.peek().map((m) => m.id), true) },
    ...(chosen.peek().length > 0 ? [{ id: "choose none", title: "Choose nobody", run: chooseNone }] : []),
    ...SORTS.filter(([s]) => s !== sort.peek()).map(([s, text]): Command => ({ id: `sort ${s}`, title: `Order: ${text}`, run: () => void (sort.value = s) })),
    ...(["csv", "json"] as const).map((as): Command => ({ id: `results ${as}`, title: `Results as ${as.toUpperCase()}`, run: () => location.assign(resultsURL(as)) })),
    ...(["system", "light", "dark"] as Theme[]).filter((t) => t !== theme.peek()).map((t): Command => ({ id: `theme ${t}`, title: `Theme: ${t === "system" ? "as the system" : t}`, run: () => setTheme(t) })),
    ...[...members.peek().values()].flatMap(ofMember),
  ];
});

function ofMember(m: Member): Command[] {
  const command = (title: string, run: () => void): Command => ({ id: `${title} ${m.id}`, title, hint: m.help ? "asks for help" : "person", run });
  return [
    ...(m.session ? [command(`Look at ${m.name}'s session`, () => void look(m))] : []),
    ...(isClosed.peek() ? [] : [command(`Push to ${m.name}…`, () => openPush([m]))]),
    ...(m.control ? [command(`End having ${m.name}'s keyboard`, () => void endControl(m))] : m.session && m.online ? [command(`Ask ${m.name} for the keyboard`, () => void askControl(m))] : []),
    command(`Remove ${m.name}…`, () => void remove(m)),
  ];
}
