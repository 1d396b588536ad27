/**
 * Conditions as the kernel program evaluates them (bpf/condition.h): a small, bounded program for a machine of value
 * registers and string slots. Jumps go forward only, so a run takes at most as many steps as there are instructions.
 *
 * Every value is known, or undecided for one of the condition's reasons, or (at the entry) to be had at the return only.
 * An operation on a value that is not known gives that value's reason; `bothTrue` and `eitherTrue` are decided by one
 * side where that suffices.
 *
 * Before the machine comes the screen (bpf/screen.h): a few comparisons of a word with a constant, which turn a call away
 * where one of them, or each of several that are joined by `or`, is false for certain. Then so is the condition.
 */
import { CAPTURE_REGISTERS, FLOAT_REGISTERS } from "./capture.ts";

/** In the order of their numbers (enum pl_op). */
export const CONDITION_OPS = [
  /** The result is `a`. */
  "end",
  /** dst = imm. */
  "number",
  /** dst = constants[imm]. */
  "constant",
  /** dst = the register `a` of CAPTURE_REGISTERS; `reason` in calls that have lost it (`cameBack`). */
  "register",
  /** dst = CFA + imm. */
  "cfa",
  /** dst = the goroutine's id; the address of its g; `fault` where it could not be read. */
  "goid",
  "g",
  /** dst = nanoseconds since the entry. */
  "duration",
  /** dst is to be had at the return only. */
  "late",
  /** dst = float register X`a` of the call, at its return; `fault` where no signal's frame showed it; `reason` as above. */
  "float",
  /** dst = float register X`a` of the hit itself, when its frame has come; `fault` where none comes; `reason` as above. */
  "ownFloat",
  // Of one value: dst is undecided where `a` is.
  /** dst = memory at a + imm; `reason` where a is 0 (with nilIsZero: 0 instead), `fault` where it cannot be read. */
  "load",
  /** dst = the low bits of a. Here and in all arithmetic: as `width` says. */
  "extend",
  "move",
  "not",
  /** dst = a; `reason` where a is 0, or negative. */
  "notNil",
  "notNegative",
  // Of two values: dst is undecided where one of them is.
  "add",
  "subtract",
  "multiply",
  /** `reason` where b is 0. */
  "divide",
  "remainder",
  "and",
  "or",
  "xor",
  "andNot",
  /** By b, unsigned; from the width on nothing is left of a but its sign. */
  "shiftLeft",
  "shiftRight",
  "equal",
  "notEqual",
  "less",
  "lessOrEqual",
  /** Of floats' bits, 4 or 8 bytes. */
  "floatEqual",
  "floatNotEqual",
  "floatLess",
  "floatLessOrEqual",
  /** dst = a; `reason` where a >= b, unsigned. */
  "bound",
  // Decided by one side where that suffices.
  "bothTrue",
  "eitherTrue",
  /** To the instruction imm, where a is known and false (true). */
  "jumpIfFalse",
  "jumpIfTrue",
  /** kept[imm] = a, and dst = kept[imm]: from the entry to the return. */
  "keep",
  "recall",
  /** String dst = the b bytes at a, of which at most imm are looked at: the first (with `tail`: the last). `fault`. */
  "string",
  /** String dst = `length` bytes of the condition's text at imm. */
  "text",
  /**
   * String dst = the value beside the key that is `length` bytes of text at imm, among b pairs of strings at a; else
   * empty. Keys stand `width` bytes apart, a value `extra` bytes behind its key. `reason` where there are too many pairs,
   * `fault` where one cannot be read.
   */
  "find",
  /** dst = of strings a and b; `reason` where the bytes that were looked at do not tell. */
  "stringEqual",
  /** `fault` where b is too long. */
  "hasPrefix",
  "hasSuffix",
  "contains",
  /** -1, 0 or 1. */
  "stringCompare",
] as const;
export type ConditionOp = (typeof CONDITION_OPS)[number];

export interface ConditionInstruction {
  readonly op: ConditionOp;
  readonly dst: number;
  readonly a: number;
  readonly b: number;
  /** See WIDTH; `find`: the stride. */
  readonly width: number;
  /** Index in the condition's reasons, plus 1. */
  readonly reason: number;
  readonly fault: number;
  readonly length: number;
  readonly extra: number;
  readonly imm: number;
}

/** Bits of `width`: log2 of the bytes, and how it is extended to 64 bits. */
export const WIDTH = { log2: 3, signed: 4, nilIsZero: 8, tail: 16 } as const;

/** Instructions of one condition: the kernel's verifier follows each step. */
export const MAX_CONDITION_INSTRUCTIONS = 128;
export const CONDITION_VALUES = 32;
export const MAX_CONDITION_CONSTANTS = 32;
/** Bytes of all strings in a condition. */
export const MAX_CONDITION_TEXT = 512;
/** Bytes of a string that are looked at. */
export const MAX_STRING_LOOK = 256;
/** Bytes that `contains` looks for: one bit of a word each. */
export const MAX_CONTAINS = 64;
/** String slots; the last KEPT_STRINGS are kept from the entry to the return. */
export const CONDITION_STRINGS = 4;
export const KEPT_STRINGS = 2;
/** Values kept from the entry to the return. */
export const KEPT_VALUES = 8;
/** Pairs that `find` looks at. */
export const MAX_FIND_PAIRS = 32;
/** Different reasons of one condition; the last one stands for all others. */
export const MAX_REASONS = 31;
/** What stands in a value's reason at the entry where it is to be had at the return. */
export const LATE = 255;

/** Comparisons of one screen. */
export const MAX_SCREEN_TESTS = 4;
/** Bits of `passes`: how the word may compare with the constant. */
export const ORDER = { less: 1, equal: 2, greater: 4 } as const;

export const TEST_PLACES = ["register", "memory", "stack", "bytes"] as const;
export interface ScreenTest {
  /**
   * Where the word stands; `memory`: at a register's value + `offset`, `stack`: at CFA + `offset`. `bytes`: there is no word;
   * the test holds where bytes cannot be read, from a register's value on as many as the register of the number `offset`
   * says, at most `constant`.
   */
  readonly place: (typeof TEST_PLACES)[number];
  /** Of CAPTURE_REGISTERS, by number; `stack`: 0. */
  readonly from: number;
  readonly offset: number;
  /** See WIDTH: how the word is extended, and compared; `nilIsZero`: it is 0 where the register is. */
  readonly width: number;
  /** See ORDER. */
  readonly passes: number;
  /** That the next one holds suffices, too. */
  readonly or: boolean;
  /** Not known in calls that have lost their registers (`cameBack`). */
  readonly lost: boolean;
  /** Unsigned 64-bit number, hex. */
  readonly constant: string;
}

export interface ConditionProgram {
  /** None of a return's. */
  readonly screen: readonly ScreenTest[];
  /** RBX − RIP in calls that have lost what their registers held; 0: no call has. */
  readonly cameBack: number;
  readonly instructions: readonly ConditionInstruction[];
  /** Unsigned 64-bit numbers, hex. */
  readonly constants: readonly string[];
  /** The strings' bytes, hex. */
  readonly text: string;
}

/** What is wrong with a program; undefined: the kernel program can run it. Bounds of the fields are the schema's. */
export function conditionFault(program: ConditionProgram): string | undefined {
  const { screen, instructions, constants, text } = program;
  for (const { place, from, offset } of screen) {
    const registers = place === "bytes" ? [from, offset] : [from];
    if (registers.some((register) => !(register >= 0 && register <= CAPTURE_REGISTERS.indexOf("RIP"))))
      return "its screen reads what is no register";
  }
  if (screen.at(-1)?.or === true) return "its screen ends in an alternative";
  const last = instructions.length - 1;
  if (instructions[last]?.op !== "end") return "its last instruction is not the end";
  for (const [index, { op, dst, a, b, imm, length }] of instructions.entries()) {
    const fault = (what: string): string => `instruction ${index} (${op}) ${what}`;
    const isString = STRING_OPERANDS.has(op);
    if (dst >= (STRING_RESULTS.has(op) ? CONDITION_STRINGS : CONDITION_VALUES)) return fault(`writes to ${dst}`);
    if (
      a >= (isString ? CONDITION_STRINGS : CONDITION_VALUES) ||
      b >= (isString ? CONDITION_STRINGS : CONDITION_VALUES)
    ) {
      return fault(`reads ${a} and ${b}`);
    }
    if ((op === "float" || op === "ownFloat") && a >= FLOAT_REGISTERS.length)
      return fault(`reads the float register ${a}`);
    if (op === "constant" && !(imm >= 0 && imm < constants.length)) return fault(`names the constant ${imm}`);
    if ((op === "jumpIfFalse" || op === "jumpIfTrue") && !(imm > index && imm <= last)) return fault(`jumps to ${imm}`);
    if ((op === "keep" || op === "recall") && !(imm >= 0 && imm < KEPT_VALUES))
      return fault(`names the kept value ${imm}`);
    if (op === "string" && !(imm >= 0 && imm <= MAX_STRING_LOOK)) return fault(`looks at ${imm} bytes`);
    if (op === "text" || op === "find") {
      const most = op === "find" ? MAX_CONTAINS : MAX_STRING_LOOK;
      if (!(imm >= 0 && length <= most && imm + length <= text.length / 2))
        return fault(`names ${length} bytes of text at ${imm}`);
    }
  }
  return undefined;
}

const STRING_RESULTS: ReadonlySet<ConditionOp> = new Set(["string", "text", "find"]);
const STRING_OPERANDS: ReadonlySet<ConditionOp> = new Set([
  "stringEqual",
  "hasPrefix",
  "hasSuffix",
  "contains",
  "stringCompare",
]);
