// xterm.js wants colours as values: they are read from the style sheet, so that light
// and dark are decided in one place.
import type { ITheme } from "@xterm/xterm";

const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"] as const;

export const dark = matchMedia("(prefers-color-scheme: dark)");

export function colors(of: Element): ITheme {
  const style = getComputedStyle(of);
  const value = (name: string) => style.getPropertyValue(name).trim();
  const theme: ITheme = {
    background: value("--panel"),
    foreground: value("--ink"),
    cursor: value("--ink"),
    cursorAccent: value("--panel"),
    selectionBackground: value("--terminal-selection"),
    scrollbarSliderBackground: value("--terminal-slider"),
    scrollbarSliderHoverBackground: value("--edge"),
    scrollbarSliderActiveBackground: value("--edge"),
  };
  for (const name of names) {
    theme[name] = value(`--ansi-${name}`);
    theme[`bright${name[0]!.toUpperCase()}${name.slice(1)}` as keyof ITheme & `bright${string}`] = value(`--ansi-bright-${name}`);
  }
  return theme;
}
