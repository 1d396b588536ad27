import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { CAPTURE_REGISTERS, type CapturePlan, type RawEvent } from "../../../src/protocol/capture.ts";
import type { ProbeSpec } from "../../../src/protocol/helperApi.ts";
import * as layout from "../../../src/protocol/layout.ts";
import { decodeCounters, decodeRecords, encodePlan, PlanError, sizeClass } from "../../../src/protocol/records.ts";

const { CHUNK, CONFIG, COUNTERS, PLAN, RECORD, SIZE_CLASSES, SLOT, STACK_PIECE } = layout;

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
    pl_slot: {
      sizeof: SLOT.size,
      pointer: SLOT.pointer,
      length: SLOT.length,
      elem_size: SLOT.elemSize,
      max_bytes: SLOT.maxBytes,
    },
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
      register_at: PLAN.registerAt,
      stack_piece: PLAN.stackPiece,
      slot: PLAN.slot,
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
    },
    pl_counters: {
      sizeof: COUNTERS.size,
      emitted: COUNTERS.emitted,
      filtered: COUNTERS.filtered,
      throttled: COUNTERS.throttled,
      dropped: COUNTERS.dropped,
      unpaired: COUNTERS.unpaired,
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
    },
    pl_chunk: {
      sizeof: CHUNK.size,
      slot: CHUNK.slot,
      status: CHUNK.status,
      length: CHUNK.length,
      address: CHUNK.address,
    },
  };
  const constants: Record<string, number> = {
    PL_REGISTERS: layout.REGISTER_ROOM,
    PL_MAX_PIECES: (PLAN.slot - PLAN.stackPiece) / STACK_PIECE.size,
    PL_MAX_SLOTS: (PLAN.size - PLAN.slot) / SLOT.size,
    PL_NO_LENGTH: layout.SLOT_NO_LENGTH,
    PL_SKIP_IF_BELOW_OR_EQUAL: layout.PLAN_FLAGS.skipIfBelowOrEqual,
    PL_PAIR_RETURNS: layout.PLAN_FLAGS.pairReturns,
    PL_CALL: layout.RECORD_KIND.call,
    PL_RETURN: layout.RECORD_KIND.return,
    PL_CHUNK_OK: layout.CHUNK_STATUS.ok,
    PL_CHUNK_FAULT: layout.CHUNK_STATUS.fault,
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
      typedef uint8_t u8; typedef uint16_t u16; typedef uint32_t u32; typedef uint64_t u64; typedef int32_t s32;
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

const REGISTERS: CapturePlan = {
  pieces: [
    { kind: "register", register: "RBX" },
    { kind: "stack", offset: 16, size: 12 },
    { kind: "register", register: "RAX" },
  ],
  slots: [{ pointer: 8, elemSize: 24, maxBytes: 64 }],
};

describe("encodePlan", () => {
  it("writes what the kernel program reads", () => {
    const bytes = encodePlan(probe(REGISTERS, { rate: 1000, cfaOffset: 24, skipIfBelowOrEqual: true }));
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
        slot: [
          view.getUint16(PLAN.slots, true),
          view.getUint16(PLAN.slot, true),
          view.getUint16(PLAN.slot + SLOT.length, true),
          view.getUint32(PLAN.slot + SLOT.elemSize, true),
          view.getUint32(PLAN.slot + SLOT.maxBytes, true),
        ],
      },
      {
        probe: 7,
        entry: 7,
        flags: layout.PLAN_FLAGS.skipIfBelowOrEqual,
        cfa: 24,
        rootSize: 32,
        interval: 1_000_000n,
        burst: 99_000_000n,
        rax: RECORD.size + 24,
        rbx: RECORD.size,
        rcx: 0,
        stack: [1, 16, RECORD.size + 8, 12, 1],
        slot: [1, 8, layout.SLOT_NO_LENGTH, 24, 64],
      },
    );
  });

  const refused: readonly (readonly [string, CapturePlan, RegExp])[] = [
    ["33 pieces", { pieces: pieces(33), slots: [] }, /33 root pieces, the limit is 32/],
    ["17 slots", { pieces: pieces(2), slots: slots(17, 8) }, /17 follow slots, the limit is 16/],
    [
      "a word beyond the root area",
      { pieces: pieces(1), slots: [{ pointer: 8, elemSize: 1, maxBytes: 1 }] },
      /byte 8 of/,
    ],
    ["a register twice", { pieces: [...pieces(1, "RAX"), ...pieces(1, "RAX")], slots: [] }, /register RAX twice/],
    ["a piece too large", { pieces: [{ kind: "stack", offset: 8, size: 257 }], slots: [] }, /takes 257 bytes/],
    ["an empty piece", { pieces: [{ kind: "stack", offset: 8, size: 0 }], slots: [] }, /takes 0 bytes/],
    ["a slot too large", { pieces: pieces(2), slots: slots(1, 4097) }, /copies 4097 bytes/],
  ];
  for (const [name, plan, message] of refused)
    it(`refuses ${name}`, () => {
      assert.throws(
        () => encodePlan(probe(plan)),
        (error) => error instanceof PlanError && message.test(error.message),
      );
    });
});

describe("sizeClass", () => {
  const rows: readonly (readonly [string, CapturePlan, number])[] = [
    ["nothing", { pieces: [], slots: [] }, 160],
    ["11 registers", { pieces: pieces(11, "RAX"), slots: [] }, 160],
    ["12 registers", { pieces: pieces(12, "RAX"), slots: [] }, 256],
    ["a string of 24 bytes", { pieces: pieces(2), slots: slots(1, 24) }, 160],
    ["a string of 256 bytes", { pieces: pieces(2), slots: slots(1, 256) }, 512],
    ["two strings of 256 bytes", { pieces: pieces(4), slots: slots(2, 256) }, 1024],
    ["a word of the stack", { pieces: pieces(1), slots: [] }, 160],
    ["a piece of 32 bytes", { pieces: [{ kind: "stack", offset: 8, size: 32 }], slots: [] }, 160],
    ["a piece of 256 bytes", { pieces: [{ kind: "stack", offset: 8, size: 256 }], slots: [] }, 512],
    ["4 slices of 4096 bytes", { pieces: pieces(2), slots: slots(4, 4096) }, 20480],
    [
      "an element smaller than the limit",
      { pieces: pieces(1), slots: [{ pointer: 0, elemSize: 8, maxBytes: 4096 }] },
      160,
    ],
  ];
  for (const [name, plan, size] of rows) it(`${name}: ${size}`, () => assert.equal(sizeClass(plan), size));

  it("refuses what no class holds", () => {
    assert.throws(() => sizeClass({ pieces: pieces(2), slots: slots(16, 4096) }), PlanError);
  });
});

describe("decodeRecords", () => {
  const batch = Buffer.concat([
    record({
      kind: 1,
      callId: 0x1fffffffffffffn,
      root: Buffer.alloc(16, 0xab),
      chunks: [
        [0, 0, "hello"],
        [1, 1, ""],
      ],
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
        chunks: event.chunks.map(({ slot, status, bytes }) => [slot, status, Buffer.from(bytes).toString()]),
      })),
      [
        {
          kind: "call",
          probe: 9,
          callId: 0x1fffffffffffffn,
          goid: 18n,
          root: "ab".repeat(16),
          chunks: [
            [0, "ok", "hello"],
            [1, "fault", ""],
          ],
        },
        { kind: "return", probe: 9, callId: 5n, goid: 18n, root: "", chunks: [] },
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
  const words = new BigUint64Array([1n, 2n, 3n, 4n, 5n, 10n, 20n, 30n, 40n, 50n]);
  assert.deepEqual(decodeCounters(3, new Uint8Array(words.buffer)), {
    probe: 3,
    hits: 110,
    emitted: 11,
    filtered: 22,
    throttled: 33,
    dropped: 44,
    unpaired: 55,
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

function slots(count: number, maxBytes: number): CapturePlan["slots"] {
  return Array.from({ length: count }, () => ({ pointer: 0, length: 8, elemSize: 1, maxBytes }));
}

function record(parts: {
  kind: number;
  callId: bigint;
  root: Buffer;
  chunks: readonly (readonly [slot: number, status: number, text: string])[];
}): Buffer {
  const head = Buffer.alloc(RECORD.size);
  const chunks = parts.chunks.flatMap(([slot, status, text]) => {
    const header = Buffer.alloc(CHUNK.size);
    header.writeUInt16LE(slot, CHUNK.slot);
    header.writeUInt16LE(status, CHUNK.status);
    header.writeUInt32LE(text.length, CHUNK.length);
    return [header, Buffer.from(text.padEnd((text.length + 7) & ~7, "\0"))];
  });
  const body = Buffer.concat([head, parts.root, ...chunks]);
  body.writeUInt32LE(body.length, RECORD.used);
  body.writeUInt32LE(9, RECORD.probe);
  body.writeBigUInt64LE(parts.callId, RECORD.callId);
  body.writeBigUInt64LE(18n, RECORD.goid);
  body.writeUInt16LE(parts.root.length, RECORD.rootSize);
  body.writeUInt8(parts.chunks.length, RECORD.chunks);
  body.writeUInt8(parts.kind, RECORD.kind);
  const padded = Buffer.concat([body, Buffer.alloc(8)]); // The rest of a size class.
  return Buffer.concat([ringHeader(padded.length), padded]);
}

function discarded(length: number): Buffer {
  return Buffer.concat([ringHeader((length | layout.RING_HEADER.discard) >>> 0), Buffer.alloc(length)]);
}

function ringHeader(word: number): Buffer {
  const header = Buffer.alloc(layout.RING_HEADER.size);
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
