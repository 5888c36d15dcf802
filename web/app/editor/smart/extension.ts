// What helps while one types: completion, descriptions, search, and what the API would say. A chunk
// of its own, loaded when the editor is first used.
import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { type Extension, Prec } from "@codemirror/state";
import { keymap } from "@codemirror/view";
import { complete } from "./complete";
import { describe } from "./describe";
import { trying } from "./trying";

export function smart(): Extension {
  return [
    autocompletion({ override: [complete], icons: false, optionClass: (c) => `of-${c.type ?? "none"}`, activateOnCompletion: (c) => c.type === "field on" }),
    closeBrackets(),
    Prec.high(keymap.of([{ key: "Tab", run: acceptCompletion }])),
    keymap.of([...closeBracketsKeymap, ...lintKeymap, ...searchKeymap]),
    search({ top: true }),
    highlightSelectionMatches(),
    describe(),
    trying(),
  ];
}
