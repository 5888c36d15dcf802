// What the server put into the page: whose session this is, and what is offered.
import type { Session } from "../model";

export interface Manifest {
  label: string;
  name: string;
  text: string;
}

export interface SendHint {
  from: string;
  to: string;
  count: number;
}

export interface Step {
  manifest?: Manifest;
  send?: SendHint;
  checks: number; // how many there are
  scripts?: boolean; // whether it begins with some
  solution: { apply?: Manifest; run?: string; send?: SendHint }[];
}

export interface PageData {
  session?: Session; // none on the page of a recording
  api: string; // path of the session's API: /api/sessions/ID
  recording?: { id: string }; // of the one to show; an empty ID asks for a file
  samples: Manifest[];
  cnis: { name: string; text: string }[]; // the networks there are, in words
  lessons?: { slug: string; title: string; steps: string[] }[]; // all there are, by their titles
  lesson?: { slug: string; title: string; steps: Step[] };
  member?: { key: string; class: string }; // whose session it is, and the title of their class
}

function read(): PageData | null {
  const block = document.getElementById("page-data");
  return block?.textContent ? (JSON.parse(block.textContent) as PageData) : null;
}

export const data = read();

/** Whether this page came by a link to look on: nothing can be changed or typed. */
export const looking = data?.session?.rights === "look";

/** Whether this page shows a recording: there is no session to ask or to change. */
export const recorded = data?.recording !== undefined;
