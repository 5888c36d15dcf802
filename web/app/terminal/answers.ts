// Programs ask a terminal what it is and where its cursor stands, and xterm.js types the
// answer. When output is told again, so are the questions: nobody waits for an answer any more,
// and a shell would take it for typing.
import type { Terminal } from "@xterm/xterm";

/** Leaves questions without an answer while old output is told. */
export function answerOnce(term: Terminal, old: () => boolean): void {
  const p = term.parser;
  // Device attributes, status and cursor reports, modes (ECMA-48, and xterm's ctlseqs).
  for (const id of [
    { final: "c" },
    { prefix: ">", final: "c" },
    { prefix: "=", final: "c" },
    { final: "n" },
    { prefix: "?", final: "n" },
    { intermediates: "$", final: "p" },
    { prefix: "?", intermediates: "$", final: "p" },
  ])
    p.registerCsiHandler(id, old);
  p.registerDcsHandler({ intermediates: "$", final: "q" }, old);
  for (const color of [4, 10, 11, 12]) p.registerOscHandler(color, old);
}
