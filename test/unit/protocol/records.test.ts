import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ITAB } from "../../../src/goabi/runtime/interface.ts";
import { DEFAULT_LIMITS, RUNE_TAIL } from "../../../src/probe/api.ts";
import {
  CAPTURE_REGISTERS,
  type CapturePlan,
  encodePlan,
  FLOAT_REGISTERS,
  MAX_EVENT_BYTES,
  MAX_FLAT_SLOTS,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
  PLAN,
  PLAN_FLAGS,
  PlanError,
  programClass,
  REGISTER_ROOM,
  SIZE_CLASSES,
  STACK_PIECE,
} from "../../../src/protocol/capture.ts";
import {
  CAPTURE_TYPE,
  CaptureTablesWriter,
  COMMON_TYPES,
  LENGTH_KIND,
  MASK,
  MAX_MASK_BYTES,
  noCaptureTables,
  SLOT,
  type Slot,
  TARGET,
  TARGET_FLAGS,
  TARGET_KEY_BYTES,
  tablesFault,
  VIA,
  WHEN_KIND,
} from "../../../src/protocol/captureTypes.ts";
import { COUNTERS, decodeCounters } from "../../../src/protocol/counters.ts";
import type { ProbeSpec } from "../../../src/protocol/helperApi.ts";
import { CALL_STACK, CONFIG, OPEN_CALL, SCRATCH, STAGE } from "../../../src/protocol/layout.ts";
import {
  CHUNK,
  CHUNK_STATUS,
  decodeRecords,
  MAX_CHUNKS,
  type RawEvent,
  RECORD,
  RECORD_KIND,
  RING_HEADER,
} from "../../../src/protocol/records.ts";

describe("layouts", () => {
  /** TypeScript's view of each C structure: member → offset; `sizeof` → size. */
  const structures: Record<string, Record<string, number>> = {
    pl_stack_piece: {
      sizeof: STACK_PIECE.size,
      offset: STACK_PIECE.offset,
      at: STACK_PIECE.at,
      size: STACK_PIECE.bytes,
      index: STACK_PIECE.index,
    },
    pl_type: {
      sizeof: CAPTURE_TYPE.size,
      size: CAPTURE_TYPE.elementSize,
      first_slot: CAPTURE_TYPE.firstSlot,
      slots: CAPTURE_TYPE.slots,
      masks: CAPTURE_TYPE.masks,
      first_mask: CAPTURE_TYPE.firstMask,
    },
    pl_slot: {
      sizeof: SLOT.size,
      pointer: SLOT.pointer,
      type: SLOT.type,
      word: SLOT.word,
      length: SLOT.length,
      when: SLOT.when,
      max_elements: SLOT.maxElements,
      max_bytes: SLOT.maxBytes,
      length_add: SLOT.lengthAdd,
      via: SLOT.via,
      length_kind: SLOT.lengthKind,
      when_kind: SLOT.whenKind,
      when_mask: SLOT.whenMask,
      deepens: SLOT.deepens,
      live: SLOT.live,
      max_live: SLOT.maxLive,
    },
    pl_mask: { sizeof: MASK.size, offset: MASK.offset, length: MASK.length },
    pl_target: {
      sizeof: TARGET.size - TARGET_KEY_BYTES,
      type: TARGET.type - TARGET_KEY_BYTES,
      flags: TARGET.flags - TARGET_KEY_BYTES,
    },
    pl_scratch: { sizeof: SCRATCH.size, sequence: SCRATCH.sequence },
    pl_plan: {
      sizeof: PLAN.size,
      probe: PLAN.probe,
      entry: PLAN.entry,
      flags: PLAN.flags,
      cfa_offset: PLAN.cfaOffset,
      stack_pieces: PLAN.stackPieces,
      slots: PLAN.slots,
      root_size: PLAN.rootSize,
      interval_ns: PLAN.intervalNs,
      burst_ns: PLAN.burstNs,
      next_ns: PLAN.nextNs,
      tick: PLAN.tick,
      tick_ns: PLAN.tickNs,
      site: PLAN.site,
      root_type: PLAN.rootType,
      first_slot: PLAN.firstSlot,
      max_bytes: PLAN.maxBytes,
      max_depth: PLAN.maxDepth,
      resume_ip: PLAN.resumeIp,
      resume_sp: PLAN.resumeSp,
      float_pieces: PLAN.floatPieces,
      float_registers: PLAN.floatRegisters,
      dictionary_at: PLAN.dictionaryAt,
      dictionary_table: PLAN.dictionaryTable,
      condition: PLAN.condition,
      early_slots: PLAN.earlySlots,
      register_at: PLAN.registerAt,
      stack_piece: PLAN.stackPiece,
    },
    pl_config: {
      sizeof: CONFIG.size,
      base_ns: CONFIG.baseNs,
      pidns_dev: CONFIG.pidnsDev,
      pidns_ino: CONFIG.pidnsIno,
      tgid: CONFIG.tgid,
      cookies: CONFIG.cookies,
      g_in_register: CONFIG.gInRegister,
      tls_offset: CONFIG.tlsOffset,
      fsbase_offset: CONFIG.fsbaseOffset,
      goid_offset: CONFIG.goidOffset,
      stack_hi_offset: CONFIG.stackHiOffset,
      session: CONFIG.session,
      max_nested: CONFIG.maxNested,
      labels_offset: CONFIG.labelsOffset,
      never: CONFIG.never,
      fault_in: CONFIG.faultIn,
      probes: CONFIG.probes,
      ring_bits: CONFIG.ringBits,
      ring_number: CONFIG.ringNumber,
    },
    pl_counters: {
      sizeof: COUNTERS.size,
      emitted: COUNTERS.emitted,
      filtered: COUNTERS.filtered,
      throttled: COUNTERS.throttled,
      dropped: COUNTERS.dropped,
      unpaired: COUNTERS.unpaired,
      refused: COUNTERS.refused,
      unwound: COUNTERS.unwound,
      untold: COUNTERS.untold,
      spent_ns: COUNTERS.spentNs,
      signals: COUNTERS.signals,
    },
    pl_call_stack: {
      sizeof: CALL_STACK.size,
      goroutine: CALL_STACK.goroutine,
      tgid: CALL_STACK.tgid,
      session: CALL_STACK.session,
    },
    pl_open_call: {
      sizeof: OPEN_CALL.size,
      call_id: OPEN_CALL.callId,
      time_ns: OPEN_CALL.timeNs,
      depth: OPEN_CALL.depth,
      outer: OPEN_CALL.outer,
      entry: OPEN_CALL.entry,
      index: OPEN_CALL.index,
      session: OPEN_CALL.session,
      nested: OPEN_CALL.nested,
      parked: OPEN_CALL.parked,
      dictionary: OPEN_CALL.dictionary,
      return_address: OPEN_CALL.returnAddress,
    },
    pl_record: {
      sizeof: RECORD.size,
      used: RECORD.used,
      probe: RECORD.probe,
      call_id: RECORD.callId,
      time_ns: RECORD.timeNs,
      duration_ns: RECORD.durationNs,
      pid: RECORD.pid,
      tid: RECORD.tid,
      goid: RECORD.goid,
      depth: RECORD.depth,
      return_address: RECORD.returnAddress,
      failed_pieces: RECORD.failedPieces,
      root_size: RECORD.rootSize,
      chunks: RECORD.chunks,
      kind: RECORD.kind,
      full: RECORD.full,
      floats: RECORD.floats,
      waited: RECORD.waited,
    },
    pl_chunk: {
      sizeof: CHUNK.size,
      address: CHUNK.address,
      type: CHUNK.type,
      length: CHUNK.length,
      wanted: CHUNK.wanted,
      status: CHUNK.status,
      depth: CHUNK.depth,
    },
  };
  const constants: Record<string, number> = {
    PL_REGISTERS: REGISTER_ROOM,
    PL_LABELS: CAPTURE_REGISTERS.indexOf("LABELS"),
    PL_FLOAT_REGISTERS: FLOAT_REGISTERS.length,
    PL_MAX_PIECES: MAX_ROOT_PIECES,
    PL_MAX_STACK_PIECE: MAX_STACK_PIECE,
    PL_MAX_FLAT_SLOTS: MAX_FLAT_SLOTS,
    PL_MAX_READ: MAX_MASK_BYTES,
    PL_EVENT_BYTES: MAX_EVENT_BYTES,
    PL_MAX_CHUNKS: MAX_CHUNKS,
    PL_SKIP_IF_BELOW_OR_EQUAL: PLAN_FLAGS.skipIfBelowOrEqual,
    PL_PAIR_RETURNS: PLAN_FLAGS.pairReturns,
    PL_TYPE_BYTES: COMMON_TYPES.bytes,
    PL_TYPE_WORD: COMMON_TYPES.word,
    PL_ITAB_TYPE: ITAB.type,
    PL_VIA_TYPE: VIA.type,
    PL_VIA_EFACE: VIA.eface,
    PL_VIA_ITAB: VIA.itab,
    PL_VIA_FUNC: VIA.func,
    PL_LENGTH_ONE: LENGTH_KIND.one,
    PL_LENGTH_WORD: LENGTH_KIND.word,
    PL_LENGTH_SHIFT: LENGTH_KIND.shift,
    PL_WHEN_ALWAYS: WHEN_KIND.always,
    PL_WHEN_ZERO: WHEN_KIND.zero,
    PL_WHEN_NOT_ZERO: WHEN_KIND.notZero,
    PL_WHEN_CLEAR: WHEN_KIND.clear,
    PL_WHEN_SET: WHEN_KIND.set,
    PL_TARGET_DEEPENS: TARGET_FLAGS.deepens,
    PL_TARGET_FUNC: TARGET_FLAGS.func,
    PL_CALL: RECORD_KIND.call,
    PL_RETURN: RECORD_KIND.return,
    PL_UNWOUND: RECORD_KIND.unwound,
    PL_CALL_REFUSED: RECORD_KIND.refusedCall,
    PL_FLOATS: RECORD_KIND.floats,
    PL_FLOATS_FOLLOW: 1,
    PL_FLOATS_NO_GOROUTINE: 2,
    PL_FLOATS_NO_ROOM: 3,
    PL_FULL_BYTES: 1,
    PL_FULL_CHUNKS: 2,
    PL_FULL_STEPS: 3,
    PL_CHUNK_OK: CHUNK_STATUS.ok,
    PL_CHUNK_FAULT: CHUNK_STATUS.fault,
    PL_STAGE_WALK: STAGE.walk,
    PL_STAGE_CALL: STAGE.callCondition,
    PL_STAGE_RETURN: STAGE.returnCondition,
  };

  it("are the same in C", () => {
    const lines = Object.entries(structures).flatMap(([name, members]) =>
      Object.keys(members).map((member) =>
        member === "sizeof"
          ? `printf("${name}.sizeof %zu\\n", sizeof(struct ${name}));`
          : `printf("${name}.${member} %zu\\n", offsetof(struct ${name}, ${member}));`,
      ),
    );
    const source = `
      #include <stdint.h>
      #include <stddef.h>
      #include <stdio.h>
      typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64; typedef int32_t s32; typedef int16_t s16;
      #include "probelens.h"
      #define PRINT(size) printf("class %d\\n", size);
      int main(void) {
        ${lines.join("\n")}
        ${Object.keys(constants)
          .map((name) => `printf("${name} %d\\n", ${name});`)
          .join("\n")}
        PL_CLASSES(PRINT)
      }`;
    const expected = [
      ...Object.entries(structures).flatMap(([name, members]) =>
        Object.entries(members).map(([member, value]) => `${name}.${member} ${value}`),
      ),
      ...Object.entries(constants).map(([name, value]) => `${name} ${value}`),
      ...SIZE_CLASSES.map((size) => `class ${size}`),
    ];
    assert.deepEqual(compileAndRun(source), expected);
  });
});

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
        burst: view.getBigUint64(PLAN.burstNs, true),
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
        burst: 99_000_000n,
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

describe("capture tables", () => {
  it("hold a type with its slots and masks", () => {
    const writer = new CaptureTablesWriter();
    const id = writer.reserve();
    writer.set(id, {
      size: 48,
      slots: [
        {
          pointer: 16,
          via: { kind: "itab", word: 8 },
          length: { kind: "shift", at: 9, add: -1 },
          when: { at: 8, mask: 4, set: true },
          maxElements: 64,
          maxBytes: 4096,
          deepens: true,
        },
      ],
      masks: [{ offset: 24, length: 16 }],
    });
    const { types, slots, masks } = writer.tables();
    assert.equal(
      Buffer.from(types.subarray(2 * CAPTURE_TYPE.size)).toString("hex"),
      ["30000000", "00000000", "0100", "0100", "00000000"].join(""),
    );
    assert.equal(
      Buffer.from(slots).toString("hex"),
      [
        "10000000",
        "00000000",
        "08000000",
        "09000000",
        "08000000",
        "40000000",
        "00100000",
        "ffff",
        "020204040100",
        "00000000",
      ].join(""),
    );
    assert.equal(Buffer.from(masks).toString("hex"), ["18000000", "10000000"].join(""));
  });

  it("hold targets by address", () => {
    const writer = new CaptureTablesWriter();
    writer.addRuntimeType({ address: 0x1_2345_6789, type: 7, deepens: true, func: false });
    writer.addClosure({ address: 0x400000, type: 8, deepens: false, func: true });
    const { runtimeTypes, closures } = writer.tables();
    assert.equal(Buffer.from(runtimeTypes).toString("hex"), ["8967452301000000", "07000000", "01000000"].join(""));
    assert.equal(Buffer.from(closures).toString("hex"), ["0000400000000000", "08000000", "02000000"].join(""));
  });

  const whole = noCaptureTables();
  const pointing = new CaptureTablesWriter();
  pointing.add({ size: 8, slots: [TEXT], masks: [] });
  const faults: [string, Parameters<typeof tablesFault>[0], RegExp | undefined][] = [
    ["none", whole, undefined],
    ["a cut entry", { ...whole, slots: new Uint8Array(41) }, /slots of 41 bytes is not made of entries of 40/],
    ["no types", { ...whole, types: new Uint8Array(0) }, /types is empty/],
    ["slots that are not there", { ...pointing.tables(), slots: new Uint8Array(0) }, /type 2 refers to slots/],
    ["too much", { ...whole, closures: new Uint8Array(TARGET.size * 200_001) }, /closures has .* over 3200000/],
  ];
  for (const [name, tables, fault] of faults)
    it(`are looked at: ${name}`, () => {
      const found = tablesFault(tables);
      if (fault === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", fault);
    });
});

describe("decodeRecords", () => {
  const batch = Buffer.concat([
    record({
      kind: 1,
      callId: 0x1fffffffffffffn,
      root: Buffer.alloc(16, 0xab),
      chunks: [
        [0, 0, 300, "hello"],
        [1, 1, 8, ""],
      ],
      full: 1,
    }),
    discarded(40),
    record({ kind: 2, callId: 5n, root: Buffer.alloc(0), chunks: [] }),
  ]);

  it("reads calls, returns and skips what was discarded", () => {
    const events: RawEvent[] = [];
    decodeRecords(batch, (event) => events.push(event));
    assert.deepEqual(
      events.map((event) => ({
        kind: event.kind,
        probe: event.probe,
        callId: event.callId,
        goid: event.goid,
        root: Buffer.from(event.root).toString("hex"),
        full: event.full,
        chunks: event.chunks.map(({ type, status, wanted, bytes }) => [
          type,
          status,
          wanted,
          Buffer.from(bytes).toString(),
        ]),
      })),
      [
        {
          kind: "call",
          probe: 9,
          callId: 0x1fffffffffffffn,
          goid: 18n,
          root: "ab".repeat(16),
          full: "bytes",
          chunks: [
            [0, "ok", 300, "hello"],
            [1, "fault", 8, ""],
          ],
        },
        { kind: "return", probe: 9, callId: 5n, goid: 18n, root: "", full: undefined, chunks: [] },
      ],
    );
  });

  it("never reads beyond its batch, whatever it holds", () => {
    for (let length = 1; length < batch.length; length++) attempt(batch.subarray(0, length));
    for (let at = 0; at < batch.length; at++)
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const damaged = Buffer.from(batch);
        damaged[at] = value;
        attempt(damaged);
      }
    assert.throws(() => decodeRecords(batch.subarray(0, batch.length - 1), () => {}), RangeError);
  });

  function attempt(bytes: Uint8Array): void {
    try {
      decodeRecords(bytes, ({ root, chunks }) => {
        for (const part of [root, ...chunks.map((chunk) => chunk.bytes)])
          assert.ok(
            part.byteOffset >= bytes.byteOffset && part.byteOffset + part.length <= bytes.byteOffset + bytes.length,
          );
      });
    } catch (error) {
      assert.ok(error instanceof RangeError && error.message.startsWith("damaged record batch"), String(error));
    }
  }
});

it("decodeCounters sums over the CPUs", () => {
  const words = new BigUint64Array(
    [1n, 10n].flatMap((cpu) => [1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n].map((word) => word * cpu)),
  );
  assert.deepEqual(decodeCounters(3, new Uint8Array(words.buffer)), {
    probe: 3,
    hits: 110,
    emitted: 11,
    filtered: 22,
    throttled: 33,
    dropped: 44,
    unpaired: 55,
    refused: 66,
    unwound: 77,
    untold: 88,
    spentNs: 99,
    signals: 110,
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

function record(parts: {
  kind: number;
  callId: bigint;
  root: Buffer;
  chunks: readonly (readonly [type: number, status: number, wanted: number, text: string])[];
  full?: number;
}): Buffer {
  const head = Buffer.alloc(RECORD.size);
  const chunks = parts.chunks.flatMap(([type, status, wanted, text]) => {
    const header = Buffer.alloc(CHUNK.size);
    header.writeUInt32LE(type, CHUNK.type);
    header.writeUInt8(status, CHUNK.status);
    header.writeUInt32LE(wanted, CHUNK.wanted);
    header.writeUInt32LE(text.length, CHUNK.length);
    return [header, Buffer.from(text.padEnd((text.length + 7) & ~7, "\0"))];
  });
  const body = Buffer.concat([head, parts.root, ...chunks]);
  body.writeUInt32LE(body.length, RECORD.used);
  body.writeUInt32LE(9, RECORD.probe);
  body.writeBigUInt64LE(parts.callId, RECORD.callId);
  body.writeBigUInt64LE(18n, RECORD.goid);
  body.writeUInt16LE(parts.root.length, RECORD.rootSize);
  body.writeUInt16LE(parts.chunks.length, RECORD.chunks);
  body.writeUInt8(parts.kind, RECORD.kind);
  body.writeUInt8(parts.full ?? 0, RECORD.full);
  const padded = Buffer.concat([body, Buffer.alloc(8)]); // The rest of a size class.
  return Buffer.concat([ringHeader(padded.length), padded]);
}

function discarded(length: number): Buffer {
  return Buffer.concat([ringHeader((length | RING_HEADER.discard) >>> 0), Buffer.alloc(length)]);
}

function ringHeader(word: number): Buffer {
  const header = Buffer.alloc(RING_HEADER.size);
  header.writeUInt32LE(word);
  return header;
}

function compileAndRun(source: string): string[] {
  const directory = mkdtempSync(join(tmpdir(), "probelens-layout-"));
  try {
    const program = join(directory, "layout");
    writeFileSync(`${program}.c`, source);
    const include = fileURLToPath(new URL("../../../bpf", import.meta.url));
    execFileSync("cc", ["-Wall", "-Werror", "-I", include, "-o", program, `${program}.c`], { stdio: "inherit" });
    return execFileSync(program, { encoding: "utf8" }).trim().split("\n");
  } finally {
    rmSync(directory, { recursive: true });
  }
}
