// The few signs that no font draws alike everywhere.
import { html, type TemplateResult } from "lit-html";

const paths = {
  pause: "M4.5 3v10M11.5 3v10",
  play: "M4.5 2.8v10.4L13 8z",
  back: "M10 3L5 8l5 5",
  next: "M6 3l5 5-5 5",
  again: "M12.6 5.2A5.2 5.2 0 1 0 13.2 8M13 2.6v3h-3",
  open: "M6 4l4 4-4 4",
  shut: "M4 6l4 4 4-4",
  shrink: "M4 6l4 4 4-4",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.6 10.6L14 14",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  grow: "M4 10l4-4 4 4",
};

export function icon(name: keyof typeof paths): TemplateResult {
  return html`<svg class=${`sign ${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d=${paths[name]}></path></svg>`;
}
