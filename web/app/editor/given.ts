// What the page before this one left to be opened, and links that leave it to others.
import { announce } from "../state/announce";
import { copy } from "../state/copy";
import { recorded } from "../state/data";
import { linkTo, take } from "../state/given";
import { toast } from "../state/toast";
import { load, text } from "./text";

const LONG = 8000; // characters, from where on some programs cut links off

const given = recorded ? null : take();
if (given) {
  load({ label: "", name: given.name, text: given.text });
  announce(`${given.name} is in the editor`);
}

/** Copies a link that opens a playground with what stands in the editor. */
export async function share(): Promise<void> {
  if (text.value.trim() === "") return void toast("The editor is empty: there is nothing to share.");
  const link = await linkTo({ name: "manifests.yaml", text: text.value });
  await copy(link);
  toast(link.length > LONG ? `The link is copied. It has ${link.length} characters, which some programs cut off: a file may be safer.` : "The link is copied. It has all of the text in itself.");
}
