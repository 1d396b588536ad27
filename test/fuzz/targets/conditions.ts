/** `--where`: whatever is typed compiles to a program that the helper accepts, or is refused with a mark. */
import { compileCondition, parseCondition } from "../../../src/condition/compile.ts";
import { conditionFault } from "../../../src/protocol/condition.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { randomCondition } from "../../unit/condition/random.ts";
import { SCOPE } from "../../unit/condition/scene.ts";
import type { Random } from "../random.ts";
import { check, type FuzzTarget } from "../target.ts";

/** What is put into expressions that were good: operators, openings, halves of literals. */
const PARTS = [
  "(",
  ")",
  "[",
  "]",
  ".",
  "!",
  "-",
  "&&",
  "||",
  "<<",
  "/",
  "%",
  "==",
  '"',
  "'",
  "`",
  "\\",
  "0x",
  "1e",
  "5ms",
  "@",
  "labels",
  "r0",
  "nil",
  "u",
  "len(",
  "é",
  "\u{1f600}",
  "\n",
  "9".repeat(40),
  "*",
  ",",
];

export async function conditionsTarget(): Promise<FuzzTarget> {
  return { name: "conditions", run };
}

function run(random: Random): void {
  let text = randomCondition(random, 2).text;
  for (let edits = random.below(6); edits > 0; edits -= 1) {
    const at = random.below(text.length + 1);
    text = text.slice(0, at) + (random.once(3) ? "" : random.pick(PARTS)) + text.slice(at + random.below(4));
  }
  try {
    const { entry, return: last, reasons } = compileCondition(text, parseCondition(text), SCOPE, true);
    for (const program of last === undefined ? [entry] : [entry, last]) {
      const fault = conditionFault(program);
      check(fault === undefined, `${JSON.stringify(text)}: ${fault}`);
      for (const { reason, fault: other } of program.instructions) {
        check(reason <= reasons.length && other <= reasons.length, `${JSON.stringify(text)}: a reason without words`);
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    check(error.exitStatus === 2 && /\n {4}\s*\^~*\n/.test(error.remedy), `${JSON.stringify(text)}: ${error.remedy}`);
  }
}
