/** struct pl_condition of bpf/condition_layout.h (test/unit/condition compares the two sides). Offsets and sizes in bytes. */
import {
  CONDITION_OPS,
  type ConditionProgram,
  MAX_CONDITION_CONSTANTS,
  MAX_CONDITION_INSTRUCTIONS,
  MAX_CONDITION_TEXT,
  MAX_STRING_LOOK,
} from "./condition.ts";

/** struct pl_step */
export const STEP = {
  size: 16,
  op: 0,
  dst: 1,
  a: 2,
  b: 3,
  width: 4,
  reason: 5,
  fault: 6,
  length: 8,
  extra: 10,
  imm: 12,
} as const;

const STEPS_AT = 8;
const CONSTANTS_AT = STEPS_AT + MAX_CONDITION_INSTRUCTIONS * STEP.size;
const TEXT_AT = CONSTANTS_AT + MAX_CONDITION_CONSTANTS * 8;

/** struct pl_condition */
export const CONDITION = {
  row: 0,
  step: STEPS_AT,
  constant: CONSTANTS_AT,
  text: TEXT_AT,
  size: TEXT_AT + MAX_CONDITION_TEXT + MAX_STRING_LOOK,
} as const;

/** The program must have passed `conditionFault`. `row`: of the table that counts undecided calls. */
export function encodeCondition({ instructions, constants, text }: ConditionProgram, row: number): Uint8Array {
  const bytes = new Uint8Array(CONDITION.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(CONDITION.row, row, true);
  for (const [index, instruction] of instructions.entries()) {
    const at = CONDITION.step + index * STEP.size;
    bytes[at + STEP.op] = CONDITION_OPS.indexOf(instruction.op);
    bytes[at + STEP.dst] = instruction.dst;
    bytes[at + STEP.a] = instruction.a;
    bytes[at + STEP.b] = instruction.b;
    bytes[at + STEP.width] = instruction.width;
    bytes[at + STEP.reason] = instruction.reason;
    bytes[at + STEP.fault] = instruction.fault;
    view.setUint16(at + STEP.length, instruction.length, true);
    view.setUint16(at + STEP.extra, instruction.extra, true);
    view.setInt32(at + STEP.imm, instruction.imm, true);
  }
  for (const [index, constant] of constants.entries()) {
    view.setBigUint64(CONDITION.constant + index * 8, BigInt(`0x${constant}`), true);
  }
  bytes.set(Buffer.from(text, "hex"), CONDITION.text);
  return bytes;
}
