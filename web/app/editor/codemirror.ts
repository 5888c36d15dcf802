// CodeMirror, set up for manifests: a chunk of its own, loaded after the page. What helps
// while one types is another, loaded when somebody begins; so is what marks errors.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, gutter, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers, placeholder, tooltips } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { effect } from "@preact/signals-core";
import { current } from "./files";
import { applied, applyNow, cursor, edit, loaded, tried } from "./text";

export interface Editor {
  /** Moves the cursor to a line. */
  goTo(line: number): void;
  /** Lists what is wrong. */
  problems(): void;
}

// Every colour is one of the page's own, so light and dark follow by themselves.
const colors = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--svc)" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--pod-text)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.meta, tags.separator, tags.punctuation], color: "var(--soft)" },
]);

const help = new Compartment();
const marks = new Compartment();
const marking = () => import("./marking");

/** Puts the editor into parent. */
export function mount(parent: HTMLElement): Editor {
  let helping: Extension = [];
  let marked: Extension = gutter({ class: "cm-gutter-lint" }); // room for marks
  const bare = marked;
  const extensions = [
    EditorView.cspNonce.of(document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? ""),
    help.of([]),
    lineNumbers(),
    marks.of(bare),
    history(),
    drawSelection(),
    highlightSpecialChars(),
    highlightActiveLine(),
    indentOnInput(),
    bracketMatching(),
    indentUnit.of("  "),
    EditorState.tabSize.of(2),
    yaml(),
    syntaxHighlighting(colors),
    tooltips({ position: "fixed" }),
    placeholder("Paste manifests here, or load one above"),
    EditorView.contentAttributes.of({ "aria-label": "Manifests, as YAML", tabindex: "0" }),
    EditorView.updateListener.of((u) => {
      if (u.docChanged) edit(u.state.doc.toString());
      const { anchor, head } = u.state.selection.main;
      if (u.selectionSet || u.docChanged) cursor.value = [anchor, head];
    }),
    // Escape, then Tab, leaves the editor: CodeMirror's own way out for keyboards.
    keymap.of([{ key: "Mod-Enter", run: () => (void applyNow(), true) }, ...defaultKeymap, ...historyKeymap, indentWithTab]),
  ];
  const states = new Map<number, EditorState>(); // of files that are not shown, with what can be undone
  const stateOf = (id: number, doc: string) => states.get(id) ?? EditorState.create({ doc, extensions });
  let shown = current.peek().id;
  const equip = (): void => view.dispatch({ effects: [help.reconfigure(helping), ...(marks.get(view.state) === marked ? [] : [marks.reconfigure(marked)])] });
  const mark = async (): Promise<typeof import("./marking")> => {
    const m = await marking();
    if (marked === bare) {
      marked = m.marks();
      equip();
    }
    return m;
  };
  const view = new EditorView({ parent, state: stateOf(shown, current.peek().text) });

  effect(() => {
    const { id, text } = current.value;
    const l = loaded.value;
    if (id !== shown) {
      states.set(shown, view.state);
      shown = id;
      tried.value = null;
      view.setState(stateOf(id, text));
      equip();
    }
    if (l?.file === id && l.text === text && l.text !== view.state.doc.toString()) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: l.text }, selection: { anchor: 0 }, scrollIntoView: true });
    }
  });
  effect(() => {
    const a = applied.value;
    if (a.kind !== "results" || a.stale) return; // marks move with the text until the next answer
    void mark().then((m) => applied.peek() === a && m.show(view, a.results));
  });
  const begin = (): void => {
    view.contentDOM.removeEventListener("focus", begin);
    stop();
    void Promise.all([import("./smart/extension"), mark()]).then(([m]) => {
      helping = m.smart();
      equip();
    });
  };
  view.contentDOM.addEventListener("focus", begin);
  const stop = effect(() => {
    if (loaded.value) queueMicrotask(begin);
  });
  if (document.activeElement === view.contentDOM) begin();
  return {
    goTo(line) {
      const at = view.state.doc.line(Math.min(view.state.doc.lines, Math.max(1, line)));
      view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
      view.focus();
    },
    problems: () => void mark().then((m) => m.list(view)),
  };
}
