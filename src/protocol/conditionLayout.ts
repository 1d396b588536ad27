/** struct pl_condition of bpf/condition_layout.h (test/unit/condition compares the two sides). Offsets and sizes in bytes. */
import {
  CONDITION_OPS,
  type ConditionProgram,
  MAX_CONDITION_CONSTANTS,
  MAX_CONDITION_INSTRUCTIONS,
  MAX_CONDITION_TEXT,
  MAX_SCREEN_TESTS,
  MAX_STRING_LOOK,
  TEST_PLACES,
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

/** struct pl_test */
export const TEST = { size: 16, place: 0, from: 1, width: 2, passes: 3, offset: 4, constant: 8 } as const;
/** Bits above those of ORDER. */
export const TEST_FLAGS = { or: 8, lost: 16 } as const;

const SCREEN_AT = 8;
const STEPS_AT = SCREEN_AT + MAX_SCREEN_TESTS * TEST.size;
const CONSTANTS_AT = STEPS_AT + MAX_CONDITION_INSTRUCTIONS * STEP.size;
const TEXT_AT = CONSTANTS_AT + MAX_CONDITION_CONSTANTS * 8;

/** struct pl_condition */
export const CONDITION = {
  row: 0,
  cameBack: 4,
  screen: SCREEN_AT,
  step: STEPS_AT,
  constant: CONSTANTS_AT,
  text: TEXT_AT,
  size: TEXT_AT + MAX_CONDITION_TEXT + MAX_STRING_LOOK,
} as const;

/** The program must have passed `conditionFault`. `row`: of the table that counts undecided calls. */
export function encodeCondition(program: ConditionProgram, row: number): Uint8Array {
  const { screen, cameBack, instructions, constants, text } = program;
  const bytes = new Uint8Array(CONDITION.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(CONDITION.row, row, true);
  view.setInt32(CONDITION.cameBack, cameBack, true);
  for (const [index, test] of screen.entries()) {
    const at = CONDITION.screen + index * TEST.size;
    bytes[at + TEST.place] = 1 + TEST_PLACES.indexOf(test.place);
    bytes[at + TEST.from] = test.from;
    bytes[at + TEST.width] = test.width;
    bytes[at + TEST.passes] = test.passes | (test.or ? TEST_FLAGS.or : 0) | (test.lost ? TEST_FLAGS.lost : 0);
    view.setInt32(at + TEST.offset, test.offset, true);
    view.setBigUint64(at + TEST.constant, BigInt(`0x${test.constant}`), true);
  }
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
