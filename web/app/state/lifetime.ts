// The session's time: how much is left, more of it, and beginning anew.
import { computed, signal } from "@preact/signals-core";
import * as api from "./api";
import { data } from "./data";
import { forLong, forTab } from "./keep";
import { session } from "./store";

/** ms before the end when the page warns. */
export const SOON = 5 * 60_000;

const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/** When the session ends, in ms since the epoch; NaN if nobody knows. */
export const end = computed(() => Date.parse(session.value?.expiresAt ?? ""));
/** ms that are left. */
export const left = computed(() => Math.max(0, end.value - now.value));

/** A time of the day, to the minute. */
export const timeOf = (ms: number): string => new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });

/** Asks for more time; answers with the new end. It fails with the reason if there is no more to be had. */
export async function extend(): Promise<number> {
  session.value = await api.extend();
  return end.value;
}

/** Says what came of it, wherever it was asked for. */
export async function extendAndTell(): Promise<void> {
  const { toast } = await import("./toast");
  try {
    toast(`This cluster stays until ${timeOf(await extend())}`);
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
}

/** Begins anew, after a question: a new cluster as this one was at first, and the page goes there. */
export async function startOver(): Promise<void> {
  const [{ askWith }, { toast }] = await Promise.all([import("./ask"), import("./toast")]);
  const answer = await askWith(
    {
      title: "Start over?",
      text: "You get a new cluster, made as this one was. What runs here, the terminals and their files, and all captured packets are gone.",
      yes: "Start over",
      danger: true,
    },
    { text: "Keep what is in the editor", on: true },
  );
  if (!answer) return;
  try {
    const was = data?.session?.id ?? "";
    const next = await api.startOver(data?.lesson?.slug);
    forLong.copy(was, next.id, answer.on ? [] : ["podhop.editor."]);
    forTab.copy(was, next.id);
    location.assign(next.url + location.search);
  } catch (e) {
    toast(e instanceof Error ? e.message : String(e));
  }
}
