import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  decodeRecordsFrame,
  encodeFrameHeader,
  encodeRecordsHeader,
  FRAME_KIND,
  FrameDecoder,
  FrameError,
  type FrameKind,
  MAX_JSON_FRAME_BYTES,
  MAX_RECORDS_FRAME_BYTES,
} from "../../../src/protocol/frames.ts";

const FRAMES: readonly (readonly [FrameKind, Uint8Array])[] = [
  [FRAME_KIND.json, Buffer.from('{"jsonrpc":"2.0"}')],
  [FRAME_KIND.records, new Uint8Array(0)],
  [FRAME_KIND.records, Uint8Array.from({ length: 300 }, (_, index) => index)],
  [FRAME_KIND.json, Buffer.from("ü")],
];
const STREAM = Buffer.concat(FRAMES.flatMap(([kind, payload]) => [encodeFrameHeader(kind, payload.length), payload]));

function decode(stream: Uint8Array, step: number): { frames: [FrameKind, string][]; idle: boolean } {
  const frames: [FrameKind, string][] = [];
  const decoder = new FrameDecoder((kind, payload) => frames.push([kind, Buffer.from(payload).toString("hex")]));
  for (let at = 0; at < stream.length; at += step) decoder.push(stream.subarray(at, at + step));
  return { frames, idle: decoder.idle };
}

describe("frames", () => {
  for (const step of [1, 2, 4, 5, 6, 7, 64, 299, 305, STREAM.length])
    it(`come out as they went in, from pieces of ${step} bytes`, () => {
      const expected = FRAMES.map(([kind, payload]) => [kind, Buffer.from(payload).toString("hex")]);
      assert.deepEqual(decode(STREAM, step), { frames: expected, idle: true });
    });

  it("a cut stream is not idle", () => {
    for (let length = 1; length < STREAM.length; length++) {
      const boundary = [22, 27, 332, STREAM.length].includes(length);
      assert.equal(decode(STREAM.subarray(0, length), 3).idle, boundary, `after ${length} bytes`);
    }
  });

  const header = (length: number, kind: number): Uint8Array => {
    const bytes = Buffer.alloc(5);
    bytes.writeUInt32LE(length);
    bytes[4] = kind;
    return bytes;
  };
  const refused: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["an unknown kind", header(1, 3), /unknown frame kind 3/],
    ["kind 0", header(0, 0), /unknown frame kind 0/],
    ["text", Buffer.from("HTTP/1.1 200"), /unknown frame kind 47/],
    ["a JSON frame over the limit", header(MAX_JSON_FRAME_BYTES + 1, 1), /announces 33554433 bytes/],
    ["records over the limit", header(MAX_RECORDS_FRAME_BYTES + 5, 2), /announces 1048581 bytes/],
    ["the largest length", header(0xffffffff, 1), /announces 4294967295 bytes/],
  ];
  for (const [name, bytes, message] of refused)
    it(`refuses ${name}`, () => {
      assert.throws(
        () => decode(bytes, bytes.length),
        (error) => error instanceof FrameError && message.test(error.message),
      );
      assert.throws(() => decode(bytes, 1), FrameError);
    });

  it("refuses to send more than the other side takes", () => {
    assert.throws(() => encodeRecordsHeader(1, MAX_RECORDS_FRAME_BYTES + 1), FrameError);
    assert.equal(encodeRecordsHeader(1, MAX_RECORDS_FRAME_BYTES).length, 9);
  });

  it("says whose the records are", () => {
    const batch = Uint8Array.from({ length: 40 }, (_, index) => index);
    const { frames } = decode(Buffer.concat([encodeRecordsHeader(0xfedcba98, batch.length), batch]), 7);
    assert.equal(frames.length, 1);
    const payload = Uint8Array.from(Buffer.from(frames[0]![1], "hex"));
    assert.deepEqual(decodeRecordsFrame(payload), { session: 0xfedcba98, batch });
    assert.throws(() => decodeRecordsFrame(payload.subarray(0, 3)), FrameError);
  });
});
