// What the server put into a page of a class.
import type { Class, Membership } from "../model";

export interface Contents {
  slug: string;
  title: string;
  steps: string[]; // their titles
  checked: number; // how many of them can be done
}

interface Given {
  class: Class; // of a member's page, without its key
  lessons: Contents[]; // those of the class, in its order
  key?: string; // the member's
  you?: Membership;
}

const block = document.getElementById("class-data");
export const given = (block?.textContent ? JSON.parse(block.textContent) : null) as Given;

const bySlug = new Map((given?.lessons ?? []).map((l) => [l.slug, l]));
export const lessonOf = (slug: string | undefined): Contents | undefined => bySlug.get(slug ?? "");
