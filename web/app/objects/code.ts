// CodeMirror to read YAML in: coloured, searched, and only what is in sight is drawn.
import { defaultKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colors = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--svc)" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--pod-text)" },
  { tag: tags.comment, color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.meta, tags.separator, tags.punctuation], color: "var(--soft)" },
]);

/** Puts a viewer into parent. What it answers with shows a text; what is the same stays as it is. */
export function show(parent: HTMLElement, label: string): (text: string) => void {
  const view = new EditorView({
    parent,
    extensions: [
      EditorView.cspNonce.of(document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce ?? ""),
      EditorState.readOnly.of(true),
      lineNumbers(),
      highlightSpecialChars(),
      yaml(),
      syntaxHighlighting(colors),
      EditorView.contentAttributes.of({ "aria-label": label, "aria-readonly": "true" }),
      keymap.of([...defaultKeymap, ...searchKeymap]),
    ],
  });
  return (text) => {
    const old = view.state.doc.toString();
    if (text === old) return;
    let from = 0;
    const most = Math.min(old.length, text.length);
    while (from < most && old.charCodeAt(from) === text.charCodeAt(from)) from++;
    let back = 0;
    while (back < most - from && old.charCodeAt(old.length - 1 - back) === text.charCodeAt(text.length - 1 - back)) back++;
    view.dispatch({ changes: { from, to: old.length - back, insert: text.slice(from, text.length - back) } });
  };
}
