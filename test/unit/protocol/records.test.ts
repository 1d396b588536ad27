import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeCounters } from "../../../src/protocol/counters.ts";
import { CHUNK, decodeRecords, type RawEvent, RECORD, RING_HEADER } from "../../../src/protocol/records.ts";

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
