// What is wrong, as marks of the editor: in the margin, below the text and behind its line. A
// later chunk.
import { lintGutter, openLintPanel, setDiagnostics } from "@codemirror/lint";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import type { ApplyResult } from "../model";
import { marksOf } from "./marks";
import { said, showSaid } from "./said";

/** What an editor needs to be marked. */
export const marks = (): Extension => [lintGutter(), said];

/** Marks what the API answered, and goes to its first error. */
export function show(view: EditorView, results: readonly ApplyResult[]): void {
  const found = marksOf(results, view.state);
  view.dispatch(setDiagnostics(view.state, found));
  const first = found.find((d) => d.severity === "error");
  view.dispatch({ effects: [showSaid.of(found), ...(first ? [EditorView.scrollIntoView(first.from, { y: "center" })] : [])] });
}

/** Lists what is wrong. */
export function list(view: EditorView): void {
  openLintPanel(view);
}
