// What the API said of a line, written behind the line.
import type { Diagnostic } from "@codemirror/lint";
import { StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";

export const showSaid = StateEffect.define<readonly Diagnostic[]>();
/** Leaves of what is shown only what is still said. */
export const keepSaid = StateEffect.define<readonly Diagnostic[]>();

class Said extends WidgetType {
  constructor(
    readonly text: string,
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
      if (e.is(keepSaid)) {
        const lines = new Set(e.value.map((d) => `${tr.state.doc.lineAt(d.from).from} ${d.message}`));
        const stays = new Set<number>();
        next.between(0, tr.state.doc.length, (from, _, value) => {
          const widget = (value.spec as { widget?: Said }).widget;
          const line = tr.state.doc.lineAt(from).from;
          if (widget && lines.has(`${line} ${widget.text}`)) stays.add(line);
        });
        next = next.update({ filter: (from) => stays.has(tr.state.doc.lineAt(from).from) });
      }
      if (!e.is(showSaid)) continue;
      const marks = e.value.flatMap((d) => {
        const line = tr.state.doc.lineAt(d.from);
        const doubtful = d.severity !== "error";
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
