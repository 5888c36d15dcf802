// Where things of classes are on this server.

import { at } from "../state/base";

export const classAPI = (key: string): string => at(`/api/classes/${encodeURIComponent(key)}`);
export const memberAPI = (key: string): string => at(`/api/members/${encodeURIComponent(key)}`);
export const classPage = (key: string): string => at(`/classes/${encodeURIComponent(key)}`);
export const memberPage = (key: string): string => at(`/m/${encodeURIComponent(key)}`);
/** The page of a session by a view of it, at the lesson that is done there. */
export const viewPage = (view: string, lesson: string | undefined, step: number | undefined): string =>
  at(`/s/${encodeURIComponent(view)}${lesson ? `?${new URLSearchParams({ lesson, step: String(step ?? 1) })}` : ""}`);
/** The page that asks for a code, or with one, the page of that. */
export const joinPage = (code: string): string => at(code ? `/join/${encodeURIComponent(code)}` : "/join");
/** The picture of that, to be photographed. */
export const joinPicture = (key: string): string => `${classPage(key)}/join.svg`;
/** The address that somebody joins by, whole. */
export const joinLink = (code: string): string => new URL(joinPage(code), location.href).href;
