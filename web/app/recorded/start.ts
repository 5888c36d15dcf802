// The page of a recording: what the stream tells the page of a session, a file tells
// this one. Nothing here asks a session.
import { effect } from "@preact/signals-core";
import { data } from "../state/data";
import "./manifests";
import { fetchKept } from "./open";
import { address, load, playing, tape } from "./player";
import "./scrub";

const id = data?.recording?.id;
let written = location.hash;
if (id) void fetchKept(id, location.hash);

// Somebody follows a link to another moment, or types one.
addEventListener("hashchange", () => {
  if (location.hash !== written && tape.value) load(tape.value.recording, location.hash);
});

// The address names the moment, whenever it stands still.
let timer = 0;
effect(() => {
  const to = address.value;
  clearTimeout(timer);
  if (!id || playing.value || !to) return;
  timer = window.setTimeout(() => {
    written = to;
    history.replaceState(null, "", to);
  }, 300);
});
