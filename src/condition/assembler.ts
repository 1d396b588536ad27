/** Collects the instructions, constants, text and reasons of a condition's programs, within their bounds. */
import {
  CONDITION_VALUES,
  type ConditionInstruction,
  type ConditionOp,
  type ConditionProgram,
  MAX_CONDITION_CONSTANTS,
  MAX_CONDITION_INSTRUCTIONS,
  MAX_CONDITION_TEXT,
  MAX_REASONS,
} from "../protocol/condition.ts";
import { ConditionFailure } from "./failure.ts";
import type { Span } from "./mark.ts";

type Fields = Partial<Omit<ConditionInstruction, "op">>;

/** Why a value was undecided, clauses without a count: "`u` was nil". Both programs of a condition share one table. */
export class Reasons {
  readonly texts: string[] = [];

  /** The number that an instruction carries: index plus 1. */
  code(text: string): number {
    const known = this.texts.indexOf(text);
    if (known >= 0) return known + 1;
    if (this.texts.length < MAX_REASONS - 1) return this.texts.push(text);
    this.texts[MAX_REASONS - 1] = "something else could not be had";
    return MAX_REASONS;
  }
}

export class Assembler {
  private readonly instructions: ConditionInstruction[] = [];
  private readonly constants: string[] = [];
  private readonly text: number[] = [];
  private readonly whole: Span;

  /** `whole`: what is too large where a bound is met. */
  constructor(whole: Span) {
    this.whole = whole;
  }

  emit(op: ConditionOp, fields: Fields): void {
    if (this.instructions.length >= MAX_CONDITION_INSTRUCTIONS)
      throw this.tooLarge(`${MAX_CONDITION_INSTRUCTIONS} steps`);
    for (const register of [fields.dst, fields.a, fields.b]) {
      if ((register ?? 0) >= CONDITION_VALUES) throw this.tooLarge(`${CONDITION_VALUES} values at once`);
    }
    this.instructions.push({
      op,
      dst: 0,
      a: 0,
      b: 0,
      width: 0,
      reason: 0,
      fault: 0,
      length: 0,
      extra: 0,
      imm: 0,
      ...fields,
    });
  }

  /** dst = a 64-bit number. */
  number(dst: number, value: bigint): void {
    if (BigInt.asIntN(32, value) === BigInt.asIntN(64, value)) {
      this.emit("number", { dst, imm: Number(BigInt.asIntN(32, value)) });
      return;
    }
    const hex = BigInt.asUintN(64, value).toString(16);
    let index = this.constants.indexOf(hex);
    if (index < 0) index = this.constants.push(hex) - 1;
    if (index >= MAX_CONDITION_CONSTANTS) throw this.tooLarge(`${MAX_CONDITION_CONSTANTS} large numbers`);
    this.emit("constant", { dst, imm: index });
  }

  /** Where these bytes stand in the condition's text. */
  place(bytes: Uint8Array): number {
    const at = this.text.length;
    if (at + bytes.length > MAX_CONDITION_TEXT) throw this.tooLarge(`${MAX_CONDITION_TEXT} bytes of strings`);
    this.text.push(...bytes);
    return at;
  }

  /** A jump whose target is where `land` is called. */
  jump(op: "jumpIfFalse" | "jumpIfTrue", a: number): { land(): void } {
    const index = this.instructions.length;
    this.emit(op, { a });
    return {
      land: () => {
        const jump = this.instructions[index];
        if (jump !== undefined) this.instructions[index] = { ...jump, imm: this.instructions.length };
      },
    };
  }

  finish(result: number): Pick<ConditionProgram, "instructions" | "constants" | "text"> {
    this.emit("end", { a: result });
    return { instructions: this.instructions, constants: this.constants, text: Buffer.from(this.text).toString("hex") };
  }

  private tooLarge(bound: string): ConditionFailure {
    return new ConditionFailure(this.whole, `it is too large: it needs more than ${bound}`, "Make it shorter");
  }
}
