// What the editor offers to the palette, besides Apply.
import { showTab } from "../parts/dock";
import { type Command, offer } from "../state/commands";
import { recorded } from "../state/data";
import { compare } from "./element";
import { current, files, newFile } from "./files";
import { focusEditor } from "./tabs";
import { applyAll } from "./text";

const written = (text: string): boolean => text.trim() !== "";

if (!recorded) {
  offer(() => {
    const file = current.peek();
    const command = (id: string, title: string, run: () => void): Command => ({ id: `editor ${id}`, title, hint: "editor", run: () => {
      showTab("editor");
      run();
    } });
    return [
      command("new", "New file", () => (newFile(), focusEditor())),
      command("open", "Open files…", () => void import("./menu").then((m) => m.choose())),
      ...(written(file.text) ? [
        command("download", `Download ${file.name}`, () => void import("./menu").then((m) => m.download(file))),
        command("compare", "Compare with the cluster", () => void compare()),
      ] : []),
      ...(files.peek().filter((f) => written(f.text)).length > 1 ? [command("apply all", "Apply all files", () => void applyAll())] : []),
    ];
  });
}
