/** Conditions on the wire: the bytes that bpf/condition_layout.h has, and what the helper refuses. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  CONDITION_OPS,
  CONDITION_STRINGS,
  CONDITION_VALUES,
  type ConditionInstruction,
  conditionFault,
  KEPT_STRINGS,
  KEPT_VALUES,
  LATE,
  MAX_CONDITION_CONSTANTS,
  MAX_CONDITION_INSTRUCTIONS,
  MAX_CONDITION_TEXT,
  MAX_CONTAINS,
  MAX_FIND_PAIRS,
  MAX_REASONS,
  MAX_SCREEN_TESTS,
  MAX_STRING_LOOK,
  ORDER,
  type ScreenTest,
  TEST_PLACES,
  WIDTH,
} from "../../../src/protocol/condition.ts";
import { CONDITION, encodeCondition, STEP, TEST, TEST_FLAGS } from "../../../src/protocol/conditionLayout.ts";

test("layouts, bounds and the order of the instructions are the same in C", () => {
  const members = {
    pl_step: { ...STEP, size: undefined },
    pl_condition: { ...CONDITION, cameBack: undefined, came_back: CONDITION.cameBack, size: undefined },
    pl_test: { ...TEST, size: undefined },
  };
  const lines: string[] = [];
  const expected: string[] = [];
  const print = (expression: string, value: number | undefined): void => {
    if (value === undefined) return;
    lines.push(`printf("${expression} %zu\\n", (size_t)${expression});`);
    expected.push(`${expression} ${value}`);
  };
  print("sizeof(struct pl_step)", STEP.size);
  print("sizeof(struct pl_condition)", CONDITION.size);
  print("sizeof(struct pl_test)", TEST.size);
  for (const [structure, offsets] of Object.entries(members)) {
    for (const [member, offset] of Object.entries(offsets)) print(`offsetof(struct ${structure}, ${member})`, offset);
  }
  const constants = {
    PL_CONDITION_STEPS: MAX_CONDITION_INSTRUCTIONS,
    PL_VALUES: CONDITION_VALUES,
    PL_CONSTANTS: MAX_CONDITION_CONSTANTS,
    PL_KEPT_VALUES: KEPT_VALUES,
    PL_STRINGS: CONDITION_STRINGS,
    PL_KEPT_STRINGS: KEPT_STRINGS,
    PL_CONDITION_TEXT: MAX_CONDITION_TEXT,
    PL_STRING_LOOK: MAX_STRING_LOOK,
    PL_CONTAINS: MAX_CONTAINS,
    PL_FIND_PAIRS: MAX_FIND_PAIRS,
    PL_REASONS: MAX_REASONS + 1,
    PL_LATE: LATE,
    PL_WIDTH_LOG2: WIDTH.log2,
    PL_WIDTH_SIGNED: WIDTH.signed,
    PL_WIDTH_NIL_IS_ZERO: WIDTH.nilIsZero,
    PL_WIDTH_TAIL: WIDTH.tail,
    PL_OPS: CONDITION_OPS.length,
    PL_TESTS: MAX_SCREEN_TESTS,
    PL_IN_REGISTER: 1 + TEST_PLACES.indexOf("register"),
    PL_IN_MEMORY: 1 + TEST_PLACES.indexOf("memory"),
    PL_ON_STACK: 1 + TEST_PLACES.indexOf("stack"),
    PL_BYTES_AT: 1 + TEST_PLACES.indexOf("bytes"),
    PL_TEST_LESS: ORDER.less,
    PL_TEST_EQUAL: ORDER.equal,
    PL_TEST_GREATER: ORDER.greater,
    PL_TEST_OR: TEST_FLAGS.or,
    PL_TEST_LOST: TEST_FLAGS.lost,
  };
  for (const [name, value] of Object.entries(constants)) print(name, value);
  for (const [number, op] of CONDITION_OPS.entries()) print(nameInC(op), number);
  const source = `#include <stdint.h>\n#include <stddef.h>\n#include <stdio.h>
    typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64; typedef int32_t s32; typedef int16_t s16;
    #include "probelens.h"\nint main(void) { ${lines.join("\n")} }`;
  const folder = mkdtempSync(join(tmpdir(), "probelens-layout-"));
  try {
    writeFileSync(join(folder, "layout.c"), source);
    const bpf = fileURLToPath(new URL("../../../bpf", import.meta.url));
    execFileSync("gcc", ["-I", bpf, join(folder, "layout.c"), "-o", join(folder, "layout")]);
    assert.deepEqual(execFileSync(join(folder, "layout"), { encoding: "utf8" }).trimEnd().split("\n"), expected);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** `jumpIfTrue` is PL_JUMP_IF_TRUE; two names are taken by bounds. */
function nameInC(op: string): string {
  const name = op.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return `PL_${{ LATE: "LATE_VALUE", CONTAINS: "CONTAINS_OP" }[name] ?? name}`;
}

const NOTHING: ConditionInstruction = {
  op: "number",
  dst: 0,
  a: 0,
  b: 0,
  width: 0,
  reason: 0,
  fault: 0,
  length: 0,
  extra: 0,
  imm: 0,
};
const END: ConditionInstruction = { ...NOTHING, op: "end" };

const FAULTS: readonly (readonly [Partial<ConditionInstruction>, string | undefined])[] = [
  [{ op: "number", dst: 31 }, undefined],
  [{ op: "number", dst: 32 }, "instruction 0 (number) writes to 32"],
  [{ op: "add", a: 32 }, "instruction 0 (add) reads 32 and 0"],
  [{ op: "stringEqual", b: 4 }, "instruction 0 (stringEqual) reads 0 and 4"],
  [{ op: "text", dst: 4 }, "instruction 0 (text) writes to 4"],
  [{ op: "text", imm: 2, length: 3 }, "instruction 0 (text) names 3 bytes of text at 2"],
  [{ op: "text", imm: -1 }, "instruction 0 (text) names 0 bytes of text at -1"],
  [{ op: "constant", imm: 1 }, "instruction 0 (constant) names the constant 1"],
  [{ op: "keep", imm: 8 }, "instruction 0 (keep) names the kept value 8"],
  [{ op: "string", imm: 257 }, "instruction 0 (string) looks at 257 bytes"],
  [{ op: "jumpIfTrue", imm: 1 }, undefined],
  [{ op: "jumpIfTrue", imm: 0 }, "instruction 0 (jumpIfTrue) jumps to 0"],
  [{ op: "jumpIfFalse", imm: 2 }, "instruction 0 (jumpIfFalse) jumps to 2"],
];

const TESTED: ScreenTest = {
  place: "memory",
  from: 5,
  offset: -8,
  width: 7,
  passes: ORDER.equal,
  or: true,
  lost: true,
  constant: "ff",
};

for (const [screen, fault] of [
  [[TESTED, { ...TESTED, or: false, from: 16 }], undefined],
  [[{ ...TESTED, or: false, from: 17 }], "its screen reads what is no register"],
  [[{ ...TESTED, place: "bytes", or: false }], "its screen reads what is no register"],
  [[TESTED], "its screen ends in an alternative"],
] as const) {
  test(`a screen of ${screen.length}: ${fault ?? "is accepted"}`, () => {
    assert.equal(conditionFault({ screen, cameBack: 0, instructions: [END], constants: [], text: "" }), fault);
  });
}

for (const [instruction, fault] of FAULTS) {
  test(`${JSON.stringify(instruction)}: ${fault ?? "is accepted"}`, () => {
    const program = {
      screen: [],
      cameBack: 0,
      instructions: [{ ...NOTHING, ...instruction }, END],
      constants: ["ff"],
      text: "61626364",
    };
    assert.equal(conditionFault(program), fault);
  });
}

test("a program without an end is refused; one with an end stands in the bytes", () => {
  assert.equal(
    conditionFault({ screen: [], cameBack: 0, instructions: [NOTHING], constants: [], text: "" }),
    "its last instruction is not the end",
  );
  const bytes = Buffer.from(
    encodeCondition(
      { screen: [TESTED], cameBack: -5, instructions: [{ ...NOTHING, imm: -2 }, END], constants: ["ff"], text: "6162" },
      3,
    ),
  );
  assert.deepEqual(
    [
      bytes.readUInt32LE(0),
      bytes.readInt32LE(CONDITION.cameBack),
      bytes.toString("hex", CONDITION.screen, CONDITION.screen + TEST.size + 1),
      bytes.readInt32LE(CONDITION.step + STEP.imm),
      bytes.readUInt8(CONDITION.step + STEP.size),
      bytes.readBigUInt64LE(CONDITION.constant),
    ],
    [3, -5, "0205071af8ffffffff0000000000000000", -2, CONDITION_OPS.indexOf("end"), 255n],
  );
  assert.equal(bytes.toString("latin1", CONDITION.text, CONDITION.text + 3), "ab\0");
});
