/** Labels out of memory as the runtime lays them out, and what is said where a part of them is not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type RuntimeFacts, runtimeFacts } from "../../../src/goabi/runtime/facts.ts";
import { bucketLayout, HMAP, TOPHASH } from "../../../src/goabi/runtime/hmap.ts";
import { LABEL_MAP } from "../../../src/goabi/runtime/labels.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import { DEFAULT_LIMITS, RUNE_TAIL } from "../../../src/probe/api.ts";
import { NO_LABELS } from "../../../src/protocol/capture.ts";
import { type Labels, readLabels } from "../../../src/value/labels.ts";
import { CapturedMemory, type MemoryChunk, NOT_CAPTURED, NOT_RESIDENT } from "../../../src/value/memory.ts";

const OF_LIST = runtimeFacts(27, "go1.27.4");
const OF_MAP = runtimeFacts(23, "go1.23.12");
const LABELS = 0x1000;
const STORAGE = 0x2000;
const TEXTS = 0x10000;

type Pairs = readonly (readonly [string, string])[];

/** A piece of memory that is written word by word. */
class Piece {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(address: number, size: number) {
    this.address = address;
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }

  word(at: number, value: number): void {
    this.view.setBigUint64(at, BigInt(value), true);
  }

  chunk(length = this.bytes.length): MemoryChunk {
    const bytes = this.bytes.subarray(0, length);
    return { address: BigInt(this.address), status: "ok", bytes, wanted: this.bytes.length };
  }
}

const { stringBytes } = DEFAULT_LIMITS;

/** Writes string headers; the texts' own chunks are cut at `most` bytes, by themselves as plans have them copied. */
class Texts {
  readonly chunks: MemoryChunk[] = [];
  private readonly most: number;

  constructor(most = stringBytes + RUNE_TAIL) {
    this.most = most;
  }

  put(piece: Piece, at: number, text: string): void {
    const bytes = Buffer.from(text, "latin1");
    const address = TEXTS + 0x1000 * this.chunks.length;
    piece.word(at, bytes.length === 0 ? 0 : address);
    piece.word(at + 8, bytes.length);
    this.chunks.push({
      address: BigInt(address),
      status: "ok",
      bytes: bytes.subarray(0, this.most),
      wanted: bytes.length,
    });
  }
}

function listOf(pairs: Pairs, texts = new Texts(), copied = pairs.length): MemoryChunk[] {
  const header = new Piece(LABELS, 24);
  header.word(0, STORAGE);
  header.word(8, pairs.length);
  const storage = new Piece(STORAGE, 32 * pairs.length);
  pairs.forEach(([key, value], index) => {
    texts.put(storage, 32 * index, key);
    texts.put(storage, 32 * index + 16, value);
  });
  return [header.chunk(), storage.chunk(32 * copied), ...texts.chunks];
}

/** One bucket, from its slot 1 on. */
function mapOf(pairs: Pairs): MemoryChunk[] {
  const texts = new Texts();
  const bucket = bucketLayout(LABEL_MAP.key, LABEL_MAP.elem)!;
  const word = new Piece(LABELS, 8);
  word.word(0, 0x1100);
  const header = new Piece(0x1100, HMAP.size);
  header.word(HMAP.count, pairs.length);
  header.word(HMAP.buckets, STORAGE);
  const storage = new Piece(STORAGE, bucket.size);
  pairs.forEach(([key, value], index) => {
    storage.bytes[index + 1] = TOPHASH.live + index;
    texts.put(storage, bucket.keys.offset + bucket.keys.stride * (index + 1), key);
    texts.put(storage, bucket.elems.offset + bucket.elems.stride * (index + 1), value);
  });
  return [word.chunk(), header.chunk(), storage.chunk(), ...texts.chunks];
}

function read(chunks: readonly MemoryChunk[], facts: RuntimeFacts = OF_LIST, word = BigInt(LABELS)): Labels {
  const memory = new CapturedMemory(chunks, { uncopied: NOT_CAPTURED, short: NOT_CAPTURED, unreadable: NOT_RESIDENT });
  return readLabels(word, facts, memory, DEFAULT_LIMITS, secretNames([]));
}

const PAIRS: Pairs = [
  ["request", "42"],
  ["", "empty key"],
  ["Zone", ""],
  ["apiToken", "s3cr3t"],
  ["__proto__", "x"],
];
const SHOWN = [
  ["", "empty key"],
  ["Zone", ""],
  ["__proto__", "x"],
  ["apiToken", "<redacted>"],
  ["request", "42"],
];

test("a list and a map give the same labels, by key; a secret's value is not shown", () => {
  for (const { labels, labelsUnavailable } of [read(listOf(PAIRS)), read(mapOf(PAIRS), OF_MAP)]) {
    assert.deepEqual(Object.entries(labels ?? {}), SHOWN);
    assert.equal(labelsUnavailable, undefined);
  }
});

test("no labels, and labels that could not be read, are two things", () => {
  assert.deepEqual(read([], OF_LIST, 0n), {});
  assert.deepEqual(read(listOf([])), {});
  assert.deepEqual(read(mapOf([]), OF_MAP), {});
  assert.deepEqual(read([], OF_LIST, NO_LABELS), { labelsUnavailable: "the goroutine's labels could not be read" });
  for (const facts of [OF_LIST, OF_MAP]) assert.deepEqual(read([], facts), { labelsUnavailable: "was not captured" });
});

test("what is missing is said, and what is there is shown", () => {
  const two: Pairs = [
    ["a", "1"],
    ["b", "2"],
  ];
  assert.deepEqual(read(listOf(two, new Texts(), 1)), {
    labels: { a: "1" },
    labelsUnavailable: "1 of 2 labels were copied",
  });
  const withoutValue = listOf(two).filter(({ address }) => Number(address) !== TEXTS + 0x3000);
  assert.deepEqual(read(withoutValue), { labels: { a: "1" }, labelsUnavailable: "was not captured" });
});

test("a value is as long as other strings, and what was copied behind it only tells where its last rune ends", () => {
  const shown = "v".repeat(stringBytes);
  for (const [more, left] of [
    ["", ""],
    ["w", "…+1"],
    ["wxy", "…+3"],
    ["wxyz", "…+4"],
  ])
    assert.deepEqual(read(listOf([["k", shown + more]])).labels, { k: shown + left });
  const split = `${"v".repeat(stringBytes - 1)}${Buffer.from("€").toString("latin1")}`;
  assert.deepEqual(read(listOf([["k", split]])).labels, { k: `${"v".repeat(stringBytes - 1)}…+3` });
});

test("cut values end at a whole rune; of a cut key the value is not shown", () => {
  const euros = Buffer.from("€€€").toString("latin1");
  assert.deepEqual(read(listOf([["k", euros]], new Texts(7))).labels, { k: "€€…+3" });
  assert.deepEqual(read(listOf([["long key", "value"]], new Texts(5))).labels, { "long …+3": "<redacted>" });
  assert.deepEqual(read(listOf([["k", "a\xffb"]])).labels, { k: "a\ufffdb" });
});
