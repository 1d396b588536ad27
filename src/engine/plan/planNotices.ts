/** What a trace tells of its functions before it runs. */
import type { GoBinary } from "../../gobinary/api.ts";
import { matchText } from "../../gosource/functions/match.ts";
import type { FunctionPlan } from "../../probe/api.ts";
import { shown } from "../../protocol/shown.ts";
import type { Job } from "../job.ts";
import type { SourcedBinary } from "../programs/sourceCompletion.ts";
import { inlinedSummary } from "./inlinedBounds.ts";

/** Of more functions at once nobody reads a notice each, and counting takes time. */
const MAX_INLINED_NOTICES = 4;
/** Functions named behind one answer about their source. */
const MAX_NAMED = 4;

/** Whether the source is the program's, once for all functions with the same answer. */
export async function saySource(job: Job, binary: SourcedBinary, plans: readonly FunctionPlan[]): Promise<void> {
  const answers = new Map<string, string[]>();
  for (const { fn } of binary.sourceMatch === undefined ? [] : plans) {
    const answer = matchText(await binary.sourceMatch!(fn));
    answers.set(answer, [...(answers.get(answer) ?? []), shown(fn.name)]);
  }
  for (const [answer, names] of answers) {
    const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
    job.notice(`source of ${names.slice(0, MAX_NAMED).join(", ")}${more}: ${answer}`);
  }
}

/** Where calls of a function were inlined, and what of them the trace sees. */
export async function sayInlined(job: Job, binary: GoBinary, plans: readonly FunctionPlan[]): Promise<void> {
  if (plans.length > MAX_INLINED_NOTICES) {
    const unseen = plans.filter(({ inlinedCalls }) => inlinedCalls.some((inlined) => !("site" in inlined))).length;
    if (unseen > 0)
      job.notice(
        `${unseen} of ${plans.length} functions ${unseen === 1 ? "is" : "are"} also inlined in places where this trace does not see the calls; \`probelens inspect\` lists those of a function`,
      );
    return;
  }
  for (const { fn, entry, inlinedCalls } of plans) {
    const counted = await binary.inlinedCallCount(fn).catch(() => 0);
    if (counted === 0 && inlinedCalls.length === 0) continue;
    const all = inlinedCalls.length >= counted && inlinedCalls.every((inlined) => "site" in inlined);
    const rest = all ? "" : "; this trace does not see the calls in the others, which `probelens inspect` lists";
    const also = entry === undefined ? "" : "also ";
    job.notice(`${shown(fn.name)} is ${also}${inlinedSummary(counted, inlinedCalls)}${rest}`);
  }
}
