// Light or dark, as this browser was told and not as its system is. It runs before the page is
// drawn, by itself and without anything of the bundle: a later script would show the other
// colours first. The style sheet asks for the system's scheme alone; its rules are told otherwise here.
{
  const asked = new Map<CSSMediaRule, string>();

  const apply = (): void => {
    let theme: string | null = null;
    try {
      theme = localStorage.getItem("podhop.theme");
    } catch {
      // It keeps nothing.
    }
    const known = theme === "light" || theme === "dark";
    document.documentElement.style.colorScheme = known ? theme! : "";
    for (const sheet of document.styleSheets) {
      for (const rule of sheet.cssRules) {
        if (!(rule instanceof CSSMediaRule)) continue;
        const query = asked.get(rule) ?? rule.media.mediaText;
        if (!query.includes("prefers-color-scheme")) continue;
        asked.set(rule, query);
        const yes = query.includes("dark") === (theme === "dark");
        rule.media.mediaText = known ? query.replace(/\(prefers-color-scheme:[^)]*\)/, yes ? "(min-width: 0)" : "(max-width: 0)") : query;
      }
    }
  };

  apply();
  addEventListener("podhop-theme", apply);
}
