// Has the browser remember this cluster while it is there.
import { effect } from "@preact/signals-core";
import { data, recorded } from "../state/data";
import { end } from "../state/lifetime";
import { forget, remember } from "../state/mine";
import { connection } from "../state/store";

const id = data?.session?.id;

function note(): void {
  if (!id) return;
  if (connection.value.state === "gone") forget(id);
  else if (end.value > 0) remember(id, { title: data?.lesson?.title ?? "Playground", at: location.pathname + location.search, ends: end.value });
}

if (id && !recorded) {
  effect(note);
  addEventListener("pagehide", note); // with the step that was on view last
}
