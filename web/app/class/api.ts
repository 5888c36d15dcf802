// What the server does for classes, over HTTP. Errors are state/api's Problems.
import type { Class, ClassChange, ClassView, Consent, HelpRequest, JoinInfo, Joined, MemberSession, NewClass, NewMember, Progress, Push, PushResult, Session } from "../model";
import { Problem, read } from "../state/api";
import { at } from "../state/base";
import { passing } from "../state/gate";
import { classAPI, memberAPI } from "./paths";

async function tell<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await passing((more, query) => fetch(path + query, { method, headers: { ...headers, ...more }, body: body === undefined ? undefined : JSON.stringify(body) }));
  } catch (e) {
    // What the page itself says about the work that a site asks for is no failure to reach it.
    throw e instanceof TypeError ? new Problem("The server could not be reached. Try again in a moment.") : e;
  }
  const text = await read(answer);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export const makeClass = (c: NewClass): Promise<Class> => tell("POST", at("/api/classes"), c);
export const changeClass = (key: string, c: ClassChange): Promise<Class> => tell("PATCH", classAPI(key), c);
export const closeClass = (key: string): Promise<Class> => tell("DELETE", classAPI(key));
export const push = (key: string, p: Push): Promise<PushResult[]> => tell("POST", `${classAPI(key)}/push`, p);

const one = (key: string, member: string): string => `${classAPI(key)}/members/${encodeURIComponent(member)}`;
export const look = (key: string, member: string): Promise<ClassView> => tell("POST", `${one(key, member)}/look`);
export const lookAway = (key: string, member: string): Promise<void> => tell("DELETE", `${one(key, member)}/look`);
export const askControl = (key: string, member: string): Promise<ClassView> => tell("POST", `${one(key, member)}/control`);
export const endControl = (key: string, member: string): Promise<void> => tell("DELETE", `${one(key, member)}/control`);
export const removeMember = (key: string, member: string): Promise<void> => tell("DELETE", one(key, member));
export const resultsURL = (key: string, as: "json" | "csv"): string => `${classAPI(key)}/results.${as}`;

export const whatIs = (code: string): Promise<JoinInfo> => tell("GET", at(`/api/join/${encodeURIComponent(code)}`));
export const join = (m: NewMember): Promise<Joined> => tell("POST", at("/api/join"), m);

export const askForHelp = (key: string, h: HelpRequest): Promise<void> => tell("POST", `${memberAPI(key)}/help`, h);
export const openSession = (key: string, s: MemberSession): Promise<Session> => tell("POST", `${memberAPI(key)}/sessions`, s);
export const consent = (key: string, c: Consent): Promise<void> => tell("POST", `${memberAPI(key)}/consent`, c);
export const takeBack = (key: string): Promise<void> => tell("DELETE", `${memberAPI(key)}/control`);
/** Says where in a lesson the page of a session is. */
export const tellProgress = (session: string, p: Progress): Promise<void> => tell("POST", at(`/api/sessions/${encodeURIComponent(session)}/progress`), p);
