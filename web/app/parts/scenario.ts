// The scripts that a step begins with.
import { beginStep } from "../state/api";
import { data, looking } from "../state/data";
import { run } from "../state/terminals";

/** Begins a step's scripts, which the server starts once. What comes of it that is bad is told. */
export async function beginScripts(step: number, tell: (trouble: string) => void): Promise<void> {
  const lesson = data?.lesson;
  if (looking || !lesson?.steps[step - 1]?.scripts) return;
  try {
    const begun = await beginStep({ lesson: lesson.slug, step });
    if (begun.run) run(begun.run);
  } catch (trouble) {
    tell(`The step's scripts were not started: ${trouble instanceof Error ? trouble.message : String(trouble)}`);
  }
}
