/** What comes over the helper's stream: frames, event records, requests. */
import * as v from "valibot";
import {
  CAPTURE_TYPE,
  type CaptureTables,
  MASK,
  noCaptureTables,
  SLOT,
  TARGET,
  tablesFault,
} from "../../../src/protocol/captureTypes.ts";
import { decodeCounters } from "../../../src/protocol/counters.ts";
import { encodeFrameHeader, FRAME_KIND, FrameDecoder, FrameError } from "../../../src/protocol/frames.ts";
import { HELPER_SCHEMAS } from "../../../src/protocol/helperSchema.ts";
import { encodePlan, PlanError, programClass } from "../../../src/protocol/planBytes.ts";
import { CHUNK, decodeRecords, RECORD, RECORD_KIND, RING_HEADER } from "../../../src/protocol/records.ts";
import { damage } from "../mutate.ts";
import type { Random } from "../random.ts";
import { check, type FuzzTarget } from "../target.ts";

export async function framesTarget(): Promise<FuzzTarget> {
  return {
    name: "frames",
    run(random) {
      const parts: Uint8Array[] = [];
      for (let i = random.below(6); i > 0; i--) {
        const payload = random.bytes(random.below(200));
        parts.push(encodeFrameHeader(random.pick([FRAME_KIND.json, FRAME_KIND.records]), payload.length), payload);
      }
      const stream = Buffer.concat(parts);
      const intact = random.once(2);
      if (!intact && stream.length > 0) damage(stream, { offset: 0, size: stream.length }, random);
      let received = 0;
      const decoder = new FrameDecoder((_, payload) => {
        received += payload.length + 5;
      });
      try {
        for (let at = 0; at < stream.length; ) {
          const size = 1 + random.below(64);
          decoder.push(stream.subarray(at, at + size));
          at += size;
        }
        check(received <= stream.length, "more than was sent");
        if (intact) check(decoder.idle && received === stream.length, "an intact stream was not read whole");
      } catch (error) {
        if (intact || !(error instanceof FrameError)) throw error;
      }
    },
  };
}

export async function recordsTarget(): Promise<FuzzTarget> {
  return {
    name: "records",
    run(random) {
      const count = random.below(5);
      const batch = Buffer.concat(Array.from({ length: count }, () => randomRecord(random)));
      const intact = random.once(3);
      if (!intact && batch.length > 0) damage(batch, { offset: 0, size: batch.length }, random);
      const bytes = !intact && random.once(4) ? batch.subarray(0, random.below(batch.length)) : batch;
      let events = 0;
      try {
        decodeRecords(bytes, (event) => {
          events += 1;
          const total = event.chunks.reduce((sum, chunk) => sum + chunk.bytes.length, event.root.length);
          check(total <= bytes.length, "an event larger than its batch");
        });
        if (intact) check(events === count, `${events} of ${count} events of an intact batch`);
      } catch (error) {
        if (intact || !(error instanceof RangeError)) throw error;
      }
      decodeCounters(1, random.bytes(random.below(200)));
    },
  };
}

function randomRecord(random: Random): Uint8Array {
  const rootSize = 8 * random.below(8);
  const chunks = random.below(4);
  const sizes = Array.from({ length: chunks }, () => random.below(100));
  const used = RECORD.size + rootSize + sizes.reduce((sum, size) => sum + CHUNK.size + ((size + 7) & ~7), 0);
  const bytes = random.bytes(RING_HEADER.size + used);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, used, true);
  view.setUint32(4, 0, true);
  const record = RING_HEADER.size;
  view.setUint32(record + RECORD.used, used, true);
  view.setUint16(record + RECORD.rootSize, rootSize, true);
  view.setUint16(record + RECORD.chunks, chunks, true);
  view.setUint8(record + RECORD.kind, random.pick([RECORD_KIND.call, RECORD_KIND.return]));
  let at = record + RECORD.size + rootSize;
  for (const [type, size] of sizes.entries()) {
    view.setUint32(at + CHUNK.type, type, true);
    view.setUint8(at + CHUNK.status, 0);
    view.setUint32(at + CHUNK.length, size, true);
    at += CHUNK.size + ((size + 7) & ~7);
  }
  return bytes;
}

/** Requests as a hostile peer could send them: whatever passes the schema must be a plan that can be encoded or refused. */
export async function requestsTarget(): Promise<FuzzTarget> {
  return {
    name: "requests",
    run(random) {
      const request = hostile(ATTACH, random, 8);
      const result = v.safeParse(HELPER_SCHEMAS.attach, request);
      if (!result.success) return;
      const tables = randomTables(random);
      if (tablesFault(tables) !== undefined) return;
      for (const probe of result.output.probes) {
        try {
          encodePlan(probe, tables);
          programClass(probe.plan, tables);
        } catch (error) {
          if (!(error instanceof PlanError)) throw error;
        }
      }
    },
  };
}

function randomTables(random: Random): CaptureTables {
  const entries = (size: number): Uint8Array => random.bytes(size * random.below(4) + (random.once(8) ? 1 : 0));
  const tables = {
    slots: entries(SLOT.size),
    masks: entries(MASK.size),
    runtimeTypes: entries(TARGET.size),
    closures: entries(TARGET.size),
  };
  const types = random.bytes(CAPTURE_TYPE.size);
  const view = new DataView(types.buffer, types.byteOffset, types.byteLength);
  view.setUint32(CAPTURE_TYPE.firstSlot, random.below(4), true);
  view.setUint16(CAPTURE_TYPE.slots, random.below(4), true);
  view.setUint32(CAPTURE_TYPE.firstMask, random.below(4), true);
  view.setUint16(CAPTURE_TYPE.masks, random.below(4), true);
  return { ...tables, types: random.once(8) ? types : Buffer.concat([noCaptureTables().types, types]) };
}

const ATTACH = {
  session: 1,
  target: { kind: "process", pid: 42, startTime: "123" },
  goroutine: { source: "register", tlsOffset: -8, goidOffset: 152, stackHiOffset: 8 },
  probes: [
    {
      id: 1,
      role: "entry",
      offset: 0x1000,
      expected: "55",
      cfaOffset: 8,
      skipIfBelowOrEqual: false,
      plan: {
        pieces: [
          { kind: "register", register: "RAX" },
          { kind: "register", register: "RBX" },
          { kind: "stack", offset: 8, size: 16 },
        ],
        rootType: 1,
      },
      pairReturns: true,
    },
  ],
  functions: ["main.f"],
};
const VALUES: readonly unknown[] = [null, undefined, 0, -1, 1, 2, 7, 31, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, 2 ** 53, 65535, 65536, "", "RAX", "return", "x".repeat(300), [], {}, true, "__proto__"]; // biome-ignore format: a table

/** A copy of `value` in which about one leaf in `rate` is something else. */
function hostile(value: unknown, random: Random, rate: number): unknown {
  if (random.once(rate * 4)) return random.pick(VALUES);
  if (Array.isArray(value)) {
    const copy = value.map((item) => hostile(item, random, rate));
    if (random.once(rate)) copy.push(...copy);
    return copy;
  }
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, hostile(item, random, rate)]));
  return random.once(rate) ? random.pick(VALUES) : value;
}
