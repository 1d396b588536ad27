import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ITAB } from "../../../src/goabi/runtime/interface.ts";
import {
  CAPTURE_REGISTERS,
  FLOAT_REGISTERS,
  MAX_EVENT_BYTES,
  MAX_FLAT_SLOTS,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
} from "../../../src/protocol/capture.ts";
import {
  CAPTURE_TYPE,
  COMMON_TYPES,
  LENGTH_KIND,
  MASK,
  MAX_MASK_BYTES,
  SLOT,
  TARGET,
  TARGET_FLAGS,
  TARGET_KEY_BYTES,
  VIA,
  WHEN_KIND,
} from "../../../src/protocol/captureTypes.ts";
import { COUNTERS } from "../../../src/protocol/counters.ts";
import { CALL_STACK, CONFIG, OPEN_CALL, SCRATCH, STAGE } from "../../../src/protocol/layout.ts";
import { PLAN, PLAN_FLAGS, REGISTER_ROOM, SIZE_CLASSES, STACK_PIECE } from "../../../src/protocol/planBytes.ts";
import { CHUNK, CHUNK_STATUS, MAX_CHUNKS, RECORD, RECORD_KIND } from "../../../src/protocol/records.ts";

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
      task_pid: CONFIG.taskPid,
      task_leader: CONFIG.taskLeader,
      pid_level: CONFIG.pidLevel,
      pid_numbers: CONFIG.pidNumbers,
      pidns_inum: CONFIG.pidnsInum,
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
