// Completion, as CodeMirror wants it.
import { type Completion, type CompletionContext, type CompletionResult, insertCompletionText, snippetCompletion } from "@codemirror/autocomplete";
import type { EditorView } from "@codemirror/view";
import { cluster } from "./cluster";
import { infoView } from "./describe";
import { isEmpty, type Option, optionsAt } from "./options";
import { placeAt } from "./place";
import { snippets } from "./snippets";

export async function complete(context: CompletionContext): Promise<CompletionResult | null> {
  const text = context.state.doc.toString();
  const place = placeAt(text, context.pos);
  if (place.at === "none") return null;
  // Unasked, only where something is being typed, or a value is due.
  if (!context.explicit && place.typed === "" && place.at !== "value") return null;
  const line = context.state.doc.lineAt(context.pos);
  const rest = line.text.slice(context.pos - line.from);
  const found = await optionsAt(place, cluster, rest).catch(() => []);
  if (context.aborted) return null;
  const options = found.map(completion);
  if (isEmpty(place)) options.unshift(...snippets.map((s) => snippetCompletion(s.template, { label: s.label, detail: s.detail, type: "snippet", boost: 30, section: { name: "Whole objects", rank: 0 } })));
  if (options.length === 0) return null;
  return { from: place.from, options, validFor: /^[\w./$-]*$/ };
}

function completion(o: Option): Completion {
  return {
    label: o.label,
    detail: o.detail,
    type: o.goOn ? `${o.kind} on` : o.kind,
    boost: o.boost,
    info: o.info?.description ? () => infoView(o.label, o.info!) : undefined,
    apply: (view: EditorView, _: Completion, from: number, to: number) => {
      const text = insertCompletionText(view.state, o.insert, from, to);
      if (!o.also) return view.dispatch(text);
      const { also } = o;
      const moved = also.from < from ? also.insert.length - (also.to - also.from) : 0;
      view.dispatch({ changes: [{ from, to, insert: o.insert }, also].sort((a, b) => a.from - b.from), selection: { anchor: from + o.insert.length + moved }, userEvent: "input.complete" });
    },
  };
}
