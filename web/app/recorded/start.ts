// The page of a recording: what the stream tells the page of a session, a file tells
// this one. Nothing here asks a session.
import { effect } from "@preact/signals-core";
import "./facts";
import "./manifests";
import { fetchKept } from "./open";
import { address, keptID, load, playing, tape } from "./player";
import "./scrub";

let written = location.hash;
if (keptID.value) void fetchKept(keptID.value, location.hash);

// Somebody follows a link to another moment, or types one.
addEventListener("hashchange", () => {
  if (location.hash !== written && tape.value) load(tape.value.recording, location.hash);
});

// The address names the moment, whenever it stands still.
let timer = 0;
effect(() => {
  const to = address.value;
  clearTimeout(timer);
  if (!keptID.value || playing.value || !to) return;
  timer = window.setTimeout(() => {
    written = to;
    history.replaceState(null, "", to);
  }, 300);
});
