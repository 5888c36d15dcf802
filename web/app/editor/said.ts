// What the API said of a line, written behind the line.
import type { Diagnostic } from "@codemirror/lint";
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";

export const showSaid = StateEffect.define<readonly Diagnostic[]>();

class Said extends WidgetType {
  constructor(
    private readonly text: string,
    private readonly doubtful: boolean,
  ) {
    super();
  }

  override eq(other: Said): boolean {
    return other.text === this.text && other.doubtful === this.doubtful;
  }

  override toDOM(): HTMLElement {
    const span = document.createElement("span");
    span.className = this.doubtful ? "said doubtful" : "said";
    span.textContent = this.text;
    return span;
  }
}

export const said = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(shown, tr) {
    let next = shown.map(tr.changes);
    for (const e of tr.effects) {
      if (!e.is(showSaid)) continue;
      const marks = e.value.flatMap((d) => {
        const line = tr.state.doc.lineAt(d.from);
        const doubtful = d.severity === "warning";
        return [
          Decoration.line({ class: doubtful ? "doubtful" : "wrong" }).range(line.from),
          Decoration.widget({ widget: new Said(d.message, doubtful), side: 1 }).range(line.to),
        ];
      });
      next = Decoration.set(marks, true);
    }
    return next;
  },
  provide: (f) => EditorView.decorations.from(f),
});
