/** An ordinary user with a sudo password: everything of the click-through, then a process of another user. */
import { clickThrough } from "./clickThrough.ts";
import { clickLens, untilLens } from "./editor.ts";
import { answerQuestions } from "./questions.ts";
import { onPage, type Step } from "./steps.ts";
import { compute, otherTarget, untilOriginal, untilProbed } from "./target.ts";

export const ordinaryUser: readonly Step[] = [
  ...clickThrough,
  {
    name: "a process of another user is traced, too",
    run: async () => {
      const other = otherTarget();
      // The helper runs, so the other user's process is among the candidates now.
      await clickLens();
      await answerQuestions(other.pid);
      await untilProbed(other);
      await compute(8642, other);
      await untilLens(/iterations=8642/);
      await onPage("screenshot", { name: "user-7-other" });
      await clickLens();
      await untilLens(/^Trace$/);
      await untilOriginal(other);
    },
  },
];
