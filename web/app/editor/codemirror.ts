// CodeMirror, set up for manifests: a chunk of its own, loaded after the page.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { effect } from "@preact/signals-core";
import { showSaid, said } from "./said";
import { applied, applyNow, edit, loaded, text } from "./text";

// Every colour is one of the page's own, so light and dark follow by themselves.
const colors = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--svc)" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--pod-text)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.meta, tags.separator, tags.punctuation], color: "var(--soft)" },
]);

/** Puts the editor into parent; the answer moves the cursor to a line. */
export function mount(parent: HTMLElement): (line: number) => void {
  const view = new EditorView({
    parent,
    doc: text.peek(),
    extensions: [
      EditorView.cspNonce.of(document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? ""),
      lineNumbers(),
      lintGutter(),
      said,
      history(),
      drawSelection(),
      highlightSpecialChars(),
      highlightActiveLine(),
      highlightSelectionMatches(),
      indentOnInput(),
      bracketMatching(),
      indentUnit.of("  "),
      EditorState.tabSize.of(2),
      yaml(),
      syntaxHighlighting(colors),
      placeholder("Paste manifests here, or load one above"),
      EditorView.contentAttributes.of({ "aria-label": "Manifests, as YAML" }),
      EditorView.updateListener.of((u) => u.docChanged && edit(u.state.doc.toString())),
      // Escape, then Tab, leaves the editor: CodeMirror's own way out for keyboards.
      keymap.of([{ key: "Mod-Enter", run: () => (void applyNow(), true) }, ...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
    ],
  });
  effect(() => {
    const l = loaded.value;
    if (l && l.text !== view.state.doc.toString()) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: l.text }, selection: { anchor: 0 }, scrollIntoView: true });
    }
  });
  effect(() => {
    const a = applied.value;
    if (a.kind === "results" && a.stale) return; // marks move with the text until the next answer
    const found = a.kind === "results" ? marks(view.state) : [];
    view.dispatch(setDiagnostics(view.state, found));
    const first = found.find((d) => d.severity === "error");
    view.dispatch({ effects: [showSaid.of(found), ...(first ? [EditorView.scrollIntoView(first.from, { y: "center" })] : [])] });
  });
  return (line) => {
    const at = view.state.doc.line(Math.min(view.state.doc.lines, Math.max(1, line)));
    view.dispatch({ selection: { anchor: at.from }, effects: EditorView.scrollIntoView(at.from, { y: "center" }) });
    view.focus();
  };
}

function marks(state: EditorState): Diagnostic[] {
  const a = applied.peek();
  if (a.kind !== "results") return [];
  const mark = (line: number, severity: Diagnostic["severity"], message: string): Diagnostic => {
    const at = state.doc.line(Math.min(state.doc.lines, Math.max(1, line)));
    const indent = at.text.length - at.text.trimStart().length;
    return { from: at.from + indent, to: Math.max(at.from + indent, at.to), severity, message };
  };
  const all = a.results.flatMap((r) => [
    ...(r.errors ?? []).map((e) => mark(e.line || r.line, "error", e.field ? `${e.field}: ${e.message}` : e.message)),
    ...(r.warnings ?? []).map((w) => mark(r.line, "warning", w)),
  ]);
  return all.sort((x, y) => x.from - y.from);
}
