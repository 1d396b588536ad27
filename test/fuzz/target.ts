/** What the fuzzer drives: a parser with seeds, and the rule for what it may answer. */
import type { Random } from "./random.ts";

export interface FuzzTarget {
  readonly name: string;

  /** Makes one input from `random`, runs the parser over it, and throws on anything that is not an allowed answer. */
  run(random: Random): Promise<void> | void;
}

/** Loaded in the worker: seeds take memory and time. */
export type LoadTarget = () => Promise<FuzzTarget>;

export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`wrong answer: ${message}`);
}
