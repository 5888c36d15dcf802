// Light, dark, or as the system is. theme.ts, which runs before anything else, does it.
import { signal } from "@preact/signals-core";
import { forLong } from "./keep";

export type Theme = "system" | "light" | "dark";

const kept = forLong.get("podhop.theme");
export const theme = signal<Theme>(kept === "light" || kept === "dark" ? kept : "system");

export function setTheme(to: Theme): void {
  theme.value = to;
  forLong.set("podhop.theme", to);
  dispatchEvent(new Event("podhop-theme"));
}
