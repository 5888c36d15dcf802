// The entry point of an instructor's live page.
import { follow } from "./class/line";
import { given } from "./class/given";
import { classAPI } from "./class/paths";
import { line, receive } from "./class/store";
import { remember } from "./class/kept";
import type { ClassMessage } from "./model";
import "./class/head";
import "./class/tools";
import "./class/people";
import "./class/keys";
import "./class/catalog";

const { key } = given.class;

if (key) {
  remember("class", { key, title: given.class.title, until: given.class.until });
  follow<ClassMessage>({
    path: classAPI(key),
    take: receive,
    tell: (l) => (line.value = l),
    gone: "It closed long ago, and its results have gone.",
  });
}
