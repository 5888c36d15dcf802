// The API's answers as marks of the editor.
import type { Diagnostic } from "@codemirror/lint";
import type { EditorState } from "@codemirror/state";
import type { ApplyResult } from "../model";

/** Errors and warnings at their lines, from the first to the last. */
export function marksOf(results: readonly ApplyResult[], state: EditorState): Diagnostic[] {
  const mark = (line: number, severity: Diagnostic["severity"], message: string): Diagnostic => {
    const at = state.doc.line(Math.min(state.doc.lines, Math.max(1, line)));
    const indent = at.text.length - at.text.trimStart().length;
    return { from: at.from + indent, to: Math.max(at.from + indent, at.to), severity, message };
  };
  const all = results.flatMap((r) => [
    ...(r.errors ?? []).map((e) => mark(e.line || r.line, "error", e.field ? `${e.field}: ${e.message}` : e.message)),
    ...(r.warnings ?? []).map((w, i) => mark(r.warnedAt?.[i] ?? r.line, "warning", w)),
    ...(r.note ? [mark(r.line, "info", r.note[0]!.toUpperCase() + r.note.slice(1))] : []),
  ]);
  return all.sort((x, y) => x.from - y.from);
}
