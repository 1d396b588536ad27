import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DEFAULT_LIMITS, RUNE_TAIL } from "../../../src/probe/api.ts";
import { CAPTURE_REGISTERS, type CapturePlan } from "../../../src/protocol/capture.ts";
import { CaptureTablesWriter, noCaptureTables, type Slot } from "../../../src/protocol/captureTypes.ts";
import type { ProbeSpec } from "../../../src/protocol/helperApi.ts";
import {
  encodePlan,
  flatReads,
  PLAN,
  PLAN_FLAGS,
  PlanError,
  programClass,
  STACK_PIECE,
} from "../../../src/protocol/planBytes.ts";
import { RECORD } from "../../../src/protocol/records.ts";

const TEXT: Slot = {
  pointer: 0,
  via: { kind: "type", type: 0 },
  length: { kind: "word", at: 8 },
  maxElements: 256,
  maxBytes: 256,
  deepens: false,
};

const PLANNED: CapturePlan = {
  pieces: [
    { kind: "register", register: "RBX" },
    { kind: "stack", offset: 16, size: 12 },
    { kind: "register", register: "RAX" },
  ],
  maxBytes: 4000,
  maxDepth: 3,
};

describe("encodePlan", () => {
  it("writes what the kernel program reads", () => {
    const writer = new CaptureTablesWriter();
    writer.add({ size: 24, slots: [TEXT], masks: [] });
    const rootType = writer.add({ size: 32, slots: [TEXT, TEXT], masks: [] });
    const spec = probe(
      { ...PLANNED, rootType, dictionary: { table: 9, at: 24 } },
      { rate: 1000, cfaOffset: 24, skipIfBelowOrEqual: true, address: 2 ** 33 },
    );
    const bytes = encodePlan(spec, writer.tables());
    const view = new DataView(bytes.buffer);
    assert.equal(bytes.length, PLAN.size);
    assert.deepEqual(
      {
        probe: view.getUint32(PLAN.probe, true),
        entry: view.getUint32(PLAN.entry, true),
        flags: view.getUint32(PLAN.flags, true),
        cfa: view.getInt32(PLAN.cfaOffset, true),
        rootSize: view.getUint32(PLAN.rootSize, true),
        interval: view.getBigUint64(PLAN.intervalNs, true),
        site: view.getBigUint64(PLAN.site, true),
        dictionary: [view.getUint16(PLAN.dictionaryAt, true), view.getUint16(PLAN.dictionaryTable, true)],
        bounds: [view.getUint32(PLAN.maxBytes, true), view.getUint32(PLAN.maxDepth, true)],
        rax: view.getUint16(PLAN.registerAt, true),
        rbx: view.getUint16(PLAN.registerAt + 2, true),
        rcx: view.getUint16(PLAN.registerAt + 4, true),
        stack: [
          view.getUint16(PLAN.stackPieces, true),
          view.getInt32(PLAN.stackPiece, true),
          view.getUint32(PLAN.stackPiece + STACK_PIECE.at, true),
          view.getUint16(PLAN.stackPiece + STACK_PIECE.bytes, true),
          view.getUint16(PLAN.stackPiece + STACK_PIECE.index, true),
        ],
        root: [
          view.getUint32(PLAN.rootType, true),
          view.getUint32(PLAN.firstSlot, true),
          view.getUint16(PLAN.slots, true),
        ],
      },
      {
        probe: 7,
        entry: 7,
        flags: PLAN_FLAGS.skipIfBelowOrEqual,
        cfa: 24,
        rootSize: 32,
        interval: 1_000_000n,
        site: 2n ** 33n,
        dictionary: [RECORD.size + 24, 9],
        bounds: [4000, 3],
        rax: RECORD.size + 24,
        rbx: RECORD.size,
        rcx: 0,
        stack: [1, 16, RECORD.size + 8, 12, 1],
        root: [3, 1, 2],
      },
    );
  });

  it("has the float registers as failed pieces, and where the thread goes on", () => {
    const plan: CapturePlan = {
      pieces: [...pieces(1, "RAX"), { kind: "float", register: "X3" }, { kind: "float", register: "X0" }],
    };
    const bounds = (resume: NonNullable<ProbeSpec["resume"]>): number[] => {
      const view = new DataView(encodePlan(probe(plan, { resume }), noCaptureTables()).buffer);
      return [
        view.getInt32(PLAN.resumeIp, true),
        view.getInt32(PLAN.resumeIp + 4, true),
        view.getInt32(PLAN.resumeSp, true),
        view.getUint32(PLAN.floatPieces, true),
        view.getUint32(PLAN.floatRegisters, true),
        view.getUint32(PLAN.rootSize, true),
      ];
    };
    assert.deepEqual(bounds({ ip: [1], sp: -8 }), [1, 1, -8, 0b110, 0b1001, 24]);
    assert.deepEqual(bounds({ ip: [2, -30], sp: 0 }), [2, -30, 0, 0b110, 0b1001, 24]);
    assert.deepEqual(bounds({ ip: [], sp: 8 }), [0, 0, 8, 0b110, 0b1001, 24]);
  });

  const refused: readonly (readonly [string, CapturePlan, RegExp])[] = [
    [
      "a float register, and nobody knows what follows",
      { pieces: [{ kind: "float", register: "X0" }] },
      /is a float register, and nothing says where the thread goes on/,
    ],
    ["33 pieces", { pieces: pieces(33) }, /33 root pieces, the limit is 32/],
    ["a root type that is not there", { pieces: pieces(1), rootType: 5 }, /capture type 5, which is not in the tables/],
    [
      "a dictionary behind the root area",
      { pieces: pieces(1), dictionary: { table: 1, at: 8 } },
      /at 8 of a root area/,
    ],
    ["a dictionary between words", { pieces: pieces(2), dictionary: { table: 1, at: 4 } }, /at 4 of a root area/],
    ["a register twice", { pieces: [...pieces(1, "RAX"), ...pieces(1, "RAX")] }, /register RAX twice/],
    ["a piece too large", { pieces: [{ kind: "stack", offset: 8, size: 4097 }] }, /takes 4097 bytes/],
    ["an empty piece", { pieces: [{ kind: "stack", offset: 8, size: 0 }] }, /takes 0 bytes/],
  ];
  for (const [name, plan, message] of refused)
    it(`refuses ${name}`, () => {
      assert.throws(
        () => encodePlan(probe(plan), noCaptureTables()),
        (error) => error instanceof PlanError && message.test(error.message),
      );
    });
});

describe("flatReads", () => {
  const rows: readonly (readonly [string, CapturePlan["pieces"], readonly Slot[], number])[] = [
    ["registers", pieces(9, "RAX"), [], 0],
    ["two strings", pieces(4, "RAX"), [TEXT, TEXT], 2],
    ["words of the stack", pieces(3), [], 3],
    ["a string on the stack", pieces(2), [TEXT], 3],
    ["what a deep program does", pieces(2, "RAX"), [{ ...TEXT, when: { at: 8, zero: true } }], 0],
  ];
  for (const [name, pieces, slots, reads] of rows)
    it(`${name}: ${reads}`, () => {
      const writer = new CaptureTablesWriter();
      writer.add({ size: 24, slots: [TEXT], masks: [] });
      const rootType = writer.add({ size: 64, slots, masks: [] });
      assert.equal(flatReads({ pieces, rootType }, writer.tables()), reads);
    });
});

describe("programClass", () => {
  const one: Slot = { ...TEXT, length: { kind: "one" } };
  const SHOWN = DEFAULT_LIMITS.stringBytes + RUNE_TAIL;
  const text = (bytes: number): Slot => ({ ...TEXT, maxElements: bytes, maxBytes: bytes });
  const rows: readonly (readonly [string, CapturePlan["pieces"], readonly Slot[], number | "deep"])[] = [
    ["nothing", [], [], 160],
    ["10 registers", pieces(10, "RAX"), [], 160],
    ["11 registers", pieces(11, "RAX"), [], 256],
    ["a string of 24 bytes", pieces(2), [text(24)], 160],
    ["a string as long as is shown", pieces(2), [text(SHOWN)], 528],
    ["it and four registers", pieces(6), [text(SHOWN)], 528],
    ["two such strings", pieces(4), [text(SHOWN), text(SHOWN)], 1056],
    ["four such strings", pieces(8), Array.from({ length: 4 }, () => text(SHOWN)), 2112],
    ["four strings of 512 bytes", pieces(4), Array.from({ length: 4 }, () => text(512)), "deep"],
    ["a word of the stack", pieces(1), [], 160],
    ["a piece of 32 bytes", [{ kind: "stack", offset: 8, size: 32 }], [], 160],
    ["a piece of 256 bytes", [{ kind: "stack", offset: 8, size: 256 }], [], 528],
    ["17 strings", pieces(2), Array.from({ length: 17 }, () => text(8)), "deep"],
    ["a pointer to bytes", pieces(1), [one], 160],
    ["a pointer to a type with slots", pieces(1), [{ ...one, via: { kind: "type", type: 2 } }], "deep"],
    ["a pointer to a type with masks", pieces(1), [{ ...one, via: { kind: "type", type: 3 } }], "deep"],
    ["an interface", pieces(2), [{ ...one, via: { kind: "eface", word: 8 } }], "deep"],
    ["a slot with a condition", pieces(2), [{ ...one, when: { at: 8, zero: true } }], "deep"],
    ["a length that is added to", pieces(2), [{ ...TEXT, length: { kind: "word", at: 8, add: 1 } }], "deep"],
  ];
  for (const [name, pieces, slots, size] of rows)
    it(`${name}: ${size}`, () => {
      const writer = new CaptureTablesWriter();
      writer.add({ size: 24, slots: [TEXT], masks: [] });
      writer.add({ size: 24, slots: [], masks: [{ offset: 0, length: 8 }] });
      const rootType = writer.add({ size: 64, slots, masks: [] });
      assert.equal(programClass({ pieces, rootType }, writer.tables()), size);
    });
});

function probe(plan: CapturePlan, rest: Partial<ProbeSpec> = {}): ProbeSpec {
  return {
    id: 7,
    role: "entry",
    offset: 4096,
    expected: "55",
    cfaOffset: 8,
    skipIfBelowOrEqual: false,
    plan,
    pairReturns: false,
    ...rest,
  };
}

/** `count` root pieces of 8 bytes: registers from `first` on, or stack words. */
function pieces(count: number, first?: "RAX"): CapturePlan["pieces"] {
  return Array.from({ length: count }, (_, index) =>
    first === undefined
      ? ({ kind: "stack", offset: 8 * index, size: 8 } as const)
      : ({ kind: "register", register: CAPTURE_REGISTERS[index] ?? "RAX" } as const),
  );
}
