// What the palette finds of the API: its kinds, and the objects of the table that is open
// and not on the map, which the palette offers anyway.
import { effect } from "@preact/signals-core";
import { showTab } from "../parts/dock";
import { changed, type Command, offer } from "../state/commands";
import { recorded } from "../state/data";
import { onMap, type Ref, showResource } from "../state/resource";
import { by, wanted } from "./choice";
import { discover, type Kind, kinds, versionOf } from "./discovery";
import { table } from "./table";

const MOST = 500; // objects of the table

function ofKind(k: Kind): Command {
  return {
    id: `kind ${k.key}`, title: k.kind, hint: `all of the kind ${[k.resource, ...k.short].join(", ")}${k.group ? ` in ${k.group}` : ""}`,
    run: () => {
      by.value = "all";
      wanted.value = k.key;
      showTab("objects");
      document.getElementById("tab-objects")?.focus();
    },
  };
}

function ofTable(): Command[] {
  const t = table.peek();
  if (!t) return [];
  const refs = [...t.rows.peek().values()].slice(0, MOST).map((r): Ref => ({ apiVersion: versionOf(t.kind), kind: t.kind.kind, namespace: r.namespace || undefined, name: r.name }));
  return refs.filter((r) => !onMap(r)).map((r) => ({
    id: `object ${t.kind.key} ${r.namespace ?? ""} ${r.name}`, title: r.namespace && r.namespace !== "default" ? `${r.namespace}/${r.name}` : r.name, hint: r.kind,
    run: () => {
      showResource(r);
      showTab("details");
    },
  }));
}

if (!recorded) {
  offer(() => [...kinds.peek().map(ofKind), ...ofTable()]);
  void discover(); // for the palette that is opening
  effect(() => {
    if (kinds.value.length > 0) changed();
  });
}
