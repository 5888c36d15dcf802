// What a field means: under the pointer, or at the cursor with Ctrl+I.
import { type Extension, StateEffect, StateField } from "@codemirror/state";
import { EditorView, hoverTooltip, keymap, showTooltip, type Tooltip } from "@codemirror/view";
import { announce } from "../../state/announce";
import { cluster } from "./cluster";
import { schemaOf } from "./options";
import { entryAt, objectOf, type Path, written } from "./place";
import { typeOf, resolve, walk } from "./schema";

interface Info {
  type: string;
  required: boolean;
  description: string;
}

export function infoView(name: string, info: Info): HTMLElement {
  const dom = document.createElement("div");
  dom.className = "field-info";
  const head = document.createElement("p");
  const title = document.createElement("b");
  title.textContent = name;
  const type = document.createElement("code");
  type.textContent = info.type;
  head.append(title, " ", type, info.required ? " required" : "");
  const text = document.createElement("p");
  text.textContent = info.description;
  dom.append(head, text);
  return dom;
}

interface Found {
  from: number;
  to: number;
  path: Path;
  info: Info;
}

async function describeAt(text: string, pos: number): Promise<Found | null> {
  const at = entryAt(text, pos);
  if (!at) return null;
  const root = objectOf(at.doc, at.entry.path);
  const path = at.entry.path.slice(root.length);
  const schema = await schemaOf(at, root, cluster).catch(() => undefined);
  const parent = schema && walk(schema.doc, schema.root, path.slice(0, -1));
  const name = String(path.at(-1));
  const field = parent?.properties?.[name];
  if (!schema || !field) return null;
  const info = { type: typeOf(schema.doc, field), required: parent.required?.includes(name) ?? false, description: field.description ?? resolve(schema.doc, field).description ?? "It has no description." };
  return { from: at.entry.from, to: at.entry.to, path, info };
}

function tooltip(f: Found): Tooltip {
  return { pos: f.from, end: f.to, above: true, create: () => {
    const dom = document.createElement("div"); // CodeMirror's own frame
    dom.append(infoView(written(f.path), f.info));
    return { dom };
  } };
}

const show = StateEffect.define<Tooltip | null>();
const shown = StateField.define<Tooltip | null>({
  create: () => null,
  update(now, tr) {
    for (const e of tr.effects) if (e.is(show)) return e.value;
    return now && (tr.docChanged || tr.selection) ? null : now;
  },
  provide: (f) => showTooltip.from(f),
});

function atCursor(view: EditorView): boolean {
  const { state } = view;
  const { head } = state.selection.main;
  const line = state.doc.lineAt(head);
  const key = line.from + /^[\s-]*/.exec(line.text)![0].length; // behind it, the line's own field is meant
  const text = state.doc.toString();
  void describeAt(text, head).then((found) => found ?? describeAt(text, key)).then((found) => {
    if (view.state !== state) return;
    view.dispatch({ effects: show.of(found && tooltip(found)) });
    announce(found ? `${written(found.path)}, ${found.info.type}${found.info.required ? ", required" : ""}. ${found.info.description}` : "There is no description here");
  });
  return true;
}

export function describe(): Extension {
  return [
    shown,
    hoverTooltip(async (view, pos) => {
      const found = await describeAt(view.state.doc.toString(), pos);
      return found && tooltip(found);
    }, { hoverTime: 400 }),
    keymap.of([
      { key: "Mod-i", run: atCursor, preventDefault: true },
      { key: "Escape", run: (view) => (view.state.field(shown) ? (view.dispatch({ effects: show.of(null) }), true) : false) },
    ]),
  ];
}
