// Where on its host this server is: /podhop of https://example.org/podhop/lessons.
const base = document.documentElement.dataset.base ?? "";

/** The address of a path of this server, which begins with a slash. */
export const at = (path: string): string => base + path;
