// Shows the code to the room. A later chunk.
import { openDialog } from "./dialog";
import { klass } from "./store";
import { bigCode } from "./way";

export function open(): void {
  openDialog("big-code", klass.peek().title, () => bigCode(klass.peek().key ?? "", klass.peek().code ?? ""));
}
