// An object as the API writes it, made into a manifest that somebody might have written. Pure.

// What the API keeps for itself, and what would only get in the way of an apply.
const DROPPED = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Leaves out status and what the API notes in the metadata; yaml is of the API's own writer. */
export function manifestOf(yaml: string): string {
  const kept: string[] = [];
  let dropping = -1; // column of the key whose value is left out
  let metadata = false;
  let annotations = false;
  for (const line of yaml.trimEnd().split("\n")) {
    const column = line.search(/\S/);
    // A list stands at its key's own column.
    if (dropping >= 0 && (column < 0 || column > dropping || (column === dropping && line.startsWith("- ", column)))) continue;
    dropping = -1;
    const key = /^ *([^\s:]+):/.exec(line)?.[1] ?? "";
    if (column === 0) metadata = key === "metadata";
    if (column === 0 || column === 2) annotations = metadata && key === "annotations";
    if ((column === 0 && key === "status") || (metadata && column === 2 && DROPPED.includes(key)) || (annotations && column === 4 && key === LAST_APPLIED)) dropping = column;
    else kept.push(line);
  }
  return `${kept.filter((line, i) => line !== "  annotations:" || /^ {4}/.test(kept[i + 1] ?? "")).join("\n")}\n`;
}
