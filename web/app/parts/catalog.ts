// What the palette offers of the page's own: tabs, actions, keys, lessons, and all objects of the map.
import "../editor/commands";
import { share } from "../editor/given";
import { applyNow } from "../editor/text";
import type { Vertex } from "../model";
import "../objects/search";
import { areaOf, fold, folded, type Fold, move, resetLayout, tabs, whole } from "../state/areas";
import { ask } from "../state/ask";
import { at } from "../state/base";
import { addNode, cni, isCordoned, isStopped, MOST_NODES, nodes, removeNode, switchNetwork, tellNode } from "../state/cluster";
import { type Command, offer } from "../state/commands";
import { data, looking, recorded } from "../state/data";
import { breakIt, DNS, faults, faultsOf, isCutOff, mend, mendAll, subjectOf } from "../state/faults";
import { extendAndTell, startOver } from "../state/lifetime";
import { reveal } from "../state/reveal";
import { showObject } from "../state/selection";
import { fill, urlOf } from "../state/sending";
import { vertices } from "../state/store";
import { openAt } from "../state/terminals";
import { nameOf } from "../state/text";
import { setTheme, theme, type Theme } from "../state/theme";
import { nameOfTab, showTab, tabIDs } from "./dock";
import { shortcuts } from "./keys";
import { nodeWords } from "./objects";

const press = (selector: string) => document.querySelector<HTMLElement>(selector)?.click();

// Tabs, and what can be done with the page.
offer(() => [
  ...tabIDs().map((id): Command => ({ id: `tab ${id}`, title: nameOfTab(id), hint: "tab", run: () => {
    showTab(id);
    document.getElementById(`tab-${id}`)?.focus();
  } })),
  ...shortcuts.filter((s) => s.label !== "Esc").map((s): Command => ({ id: `key ${s.label}`, title: s.does, keys: s.label, run: () => void s.act(new KeyboardEvent("keydown")) })),
  { id: "layout", title: "Reset the layout", run: resetLayout },
  ...(["left", "right", "side"] as const).flatMap((to) => tabIDs().filter((id) => areaOf(id) !== to && (to !== "right" || tabs.peek().left.some((x) => x !== id))).map((id): Command =>
    ({ id: `move ${id} ${to}`, title: `Move ${nameOfTab(id)} to ${{ left: "the left group", right: "the right group", side: "the side column" }[to]}`, hint: "layout", run: () => move(id, to) }))),
  ...(Object.entries({ dock: "the tabs under the map", side: "the side column", ...(data?.lesson ? { lesson: "the lesson" } : {}) }) as [Fold, string][]).map(([part, name]): Command => {
    const shut = folded.peek().has(part);
    return { id: `fold ${part}`, title: `${shut ? "Unfold" : "Fold"} ${name}`, hint: "layout", run: () => {
      whole.value = false;
      fold(part, !shut);
    } };
  }),
  ...(["system", "light", "dark"] as Theme[]).filter((t) => t !== theme.peek()).map((t): Command => ({ id: `theme ${t}`, title: `Theme: ${t === "system" ? "as the system" : t}`, run: () => setTheme(t) })),
  { id: "lessons", title: "All lessons", run: () => location.assign(at("/")) },
]);

// What can be done with the cluster.
if (!recorded && !looking) {
  offer(() => [
    { id: "send", title: "Send the request", hint: "of the send bar", run: () => {
      reveal("map");
      press(".send-button");
    } },
    { id: "apply", title: "Apply what is in the editor", run: () => {
      showTab("editor");
      void applyNow();
    } },
    { id: "share manifests", title: "Copy a link to these manifests", hint: "opens a playground with them", run: () => void share() },
    ...nodes.peek().flatMap(ofNode),
    ...(nodes.peek().length < MOST_NODES ? [{ id: "add node", title: "Add a node", run: () => void addNode() }] : []),
    ...(data?.cnis ?? []).filter((c) => c.name !== cni.peek()).map((c): Command => ({ id: `cni ${c.name}`, title: `Switch the network to ${c.name}`, hint: "CNI", run: () => void switchNetwork(c.name) })),
    ...faults.peek().map((f): Command => ({ id: `mend ${f.id}`, title: `Mend ${subjectOf(f)}`, hint: f.text, run: () => void mend(f) })),
    ...(faults.peek().length > 1 ? [{ id: "mend all", title: "Mend everything", hint: "faults", run: () => void mendAll() }] : []),
    ...(faultsOf(DNS).length === 0 ? [{ id: "break dns", title: "Break DNS: answers 2 s late", hint: "fault", run: () => void breakIt("dns", DNS, { delayMs: 2000 }) }] : []),
    { id: "terminal", title: "New terminal", run: () => openAt("client") },
    { id: "extend", title: "Extend the time of this cluster", run: () => void extendAndTell() },
    { id: "start over", title: "Start over…", hint: "a new cluster", run: () => void startOver() },
    { id: "kubeconfig", title: "Download kubeconfig", run: () => press(".kubeconfig") },
    { id: "record", title: "Save or share a recording…", run: () => press(".open-record") },
    { id: "share-session", title: "Share this session…", hint: "others look on", run: () => press(".share-session") },
    { id: "duplicate", title: "Duplicate this session", hint: "a copy of your own", run: () => press(".duplicate") },
  ]);
}

function ofNode(v: Vertex): Command[] {
  const cordoned = isCordoned(v);
  const stopped = isStopped(v);
  const remove = async (): Promise<void> => {
    if (await ask({ title: `Remove ${v.name}?`, text: "The pods on it go with it.", yes: `Remove ${v.name}`, danger: true })) await removeNode(v.name);
  };
  const command = (title: string, run: () => void): Command => ({ id: `${title} ${v.id}`, title: `${title} ${v.name}`, hint: "node", run });
  return [
    command(cordoned ? "Uncordon" : "Cordon", () => void tellNode(v.name, cordoned ? "uncordon" : "cordon")),
    command(stopped ? "Start" : "Stop", () => void tellNode(v.name, stopped ? "start" : "stop")),
    ...(stopped || isCutOff(v) ? [] : [command("Cut off", () => void breakIt("cut", v.id, {}))]),
    command("Remove", () => void remove()),
  ];
}

// Objects, and requests to them.
offer(() => [...vertices.peek().values()].flatMap((v): Command[] => [
  { id: v.id, title: nameOf(v.id), hint: [v.kind, v.kind === "Node" ? nodeWords(v) : v.status, v.ips?.[0]].filter((x) => x && x !== nameOf(v.id)).join(", "), run: () => {
    showObject(v.id);
    showTab("details");
  } },
  ...(recorded || looking || !(v.kind === "Node" || (v.kind === "Pod" && v.ready)) ? [] : [{ id: `shell ${v.id}`, title: `Shell in ${nameOf(v.id)}`, hint: "terminal", run: () => openAt(v.id) }]),
  ...(recorded || looking || !urlOf(v.id) ? [] : [{ id: `send ${v.id}`, title: `Send to ${nameOf(v.id)}`, hint: "into the send bar", run: () => {
    reveal("map");
    fill({ from: "client", to: v.id, count: 1 });
  } }]),
]));

// Lessons, and their steps: of the one on this page without leaving it.
offer(() => (data?.lessons ?? []).flatMap((l, n): Command[] => {
  const here = l.slug === data?.lesson?.slug;
  return [
    { id: `lesson ${l.slug}`, title: l.title, hint: here ? "this lesson" : `lesson ${n + 1}`, run: () => (here ? reveal("lesson") : location.assign(at(`/lessons/${encodeURIComponent(l.slug)}`))) },
    ...l.steps.map((step, i): Command => ({ id: `lesson ${l.slug} ${i}`, title: step, hint: `${here ? "this lesson" : l.title}, step ${i + 1}`, run: () => (here ? toStep(i + 1) : location.assign(at(`/lessons/${encodeURIComponent(l.slug)}`))) })),
  ];
}));

function toStep(step: number): void {
  reveal("lesson");
  fold("lesson", false);
  const address = new URL(location.href);
  address.searchParams.set("step", String(step));
  history.pushState(null, "", address);
  dispatchEvent(new PopStateEvent("popstate")); // the lesson reads the address
  document.querySelector<HTMLElement>(`[data-step="${step}"] h1`)?.focus();
}
