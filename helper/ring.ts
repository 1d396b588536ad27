/**
 * Reads one session's ring buffer in place and hands it on in batches, without looking at single events beyond their
 * headers. One batch is under way at a time: while the peer does not take it, nothing more is consumed, the ring fills,
 * and the kernel drops and counts.
 */
import { MAX_RECORDS_FRAME_BYTES } from "../src/protocol/frames.ts";
import { RING_HEADER } from "../src/protocol/records.ts";
import { createRingBuffer } from "./foreign/maps.ts";
import { type MappedRing, mapRing, unmapRing } from "./foreign/memory.ts";
import { copyMemory, viewMemory } from "./foreign/native.ts";
import { closeFd } from "./foreign/process.ts";

/** Design, "Limits": holds 17 ms of the highest event rate seen (3 million a second), longer than any timer here. */
export const RING_BYTES = 8 << 20;
const PAGE_BYTES = 4096; // x86-64
/** Between two looks at the ring while events come; at this rate the timer itself costs under 1 % of a core. */
const BUSY_INTERVAL_MS = 2;
/** After IDLE_AFTER empty looks; the ring holds what a sudden burst brings in that time. */
const IDLE_INTERVAL_MS = 8;
const IDLE_AFTER = 50;

/** Calls `done` when the bytes are no longer needed. */
export type SendBatch = (batch: Uint8Array, done: (error?: Error | null) => void) => void;

interface RingMemory {
  readonly reader: "view" | "copy";
  consumed(): number;
  produced(): number;
  setConsumed(position: number): void;
  /** Data from `position` on, at most `length` bytes (a power-of-two ring: never wraps). */
  at(position: number, length: number): Uint8Array;
}

export class RingReader {
  readonly fd: number;
  readonly bytes: number;
  /** Among the helper's rings; with a record's call id it names one call among all of them. */
  readonly number: number;
  readonly mode: "view" | "copy";
  send: SendBatch;
  private readonly mapped: MappedRing;
  private readonly memory: RingMemory;
  private timer: NodeJS.Timeout | undefined;
  private emptyLooks = 0;
  private sending = false;
  private drained: (() => void)[] = [];
  private stopped = false;
  private closing = false;

  /** `bytes`: a power of two, and at least a batch (MAX_RECORDS_FRAME_BYTES). */
  constructor(send: SendBatch, bytes = RING_BYTES, number = 0) {
    this.fd = createRingBuffer(bytes);
    this.bytes = bytes;
    this.number = number;
    try {
      this.mapped = mapRing(this.fd, bytes, PAGE_BYTES);
    } catch (error) {
      closeFd(this.fd);
      throw error;
    }
    this.memory = openMemory(this.mapped, bytes);
    this.mode = this.memory.reader;
    this.send = send;
  }

  /** Starts looking regularly. */
  start(): void {
    if (this.timer === undefined && !this.stopped) this.schedule();
  }

  /** The peer is gone. */
  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.settle();
  }

  /** The session is over: gives the memory back, when what is being sent has gone. */
  close(): void {
    if (this.closing) return;
    this.closing = true;
    this.stop();
    if (!this.sending) this.giveBack();
  }

  private giveBack(): void {
    unmapRing(this.mapped, this.bytes, PAGE_BYTES);
    closeFd(this.fd);
  }

  /** Resolves when everything that was in the ring at this moment has been handed on. */
  async drain(): Promise<void> {
    const goal = this.memory.produced();
    while (!this.stopped && this.memory.consumed() < goal) {
      const sent = new Promise<void>((resolve) => this.drained.push(resolve));
      if (!this.sending && !this.look()) return; // An unfinished record: its writer is gone with the probes.
      await sent;
    }
  }

  private schedule(): void {
    const interval = this.emptyLooks > IDLE_AFTER ? IDLE_INTERVAL_MS : BUSY_INTERVAL_MS;
    this.timer = setTimeout(() => {
      this.emptyLooks = this.sending || this.look() ? 0 : this.emptyLooks + 1;
      this.schedule();
    }, interval);
  }

  /** Hands on one batch; false when there is none. */
  private look(): boolean {
    const { memory } = this;
    const from = memory.consumed();
    const available = memory.produced() - from;
    if (available === 0) return false;
    const window = memory.at(from, Math.min(available, MAX_RECORDS_FRAME_BYTES));
    const length = finishedBytes(window);
    if (length === 0) return false;
    this.sending = true;
    this.send(window.subarray(0, length), (error) => {
      this.sending = false;
      if (this.closing) return this.giveBack();
      if (error) return this.stop();
      memory.setConsumed(from + length);
      this.settle();
    });
    return true;
  }

  private settle(): void {
    const waiting = this.drained;
    this.drained = [];
    for (const resolve of waiting) resolve();
  }
}

/** Bytes of the finished records at the start of `window`; a record that is cut or still being written ends it. */
function finishedBytes(window: Uint8Array): number {
  const words = new Int32Array(window.buffer, window.byteOffset, window.length >> 2);
  let at = 0;
  while (at + RING_HEADER.size <= window.length) {
    const word = Atomics.load(words, at >> 2);
    if ((word & RING_HEADER.busy) !== 0) break;
    const next = at + RING_HEADER.size + (((word & RING_HEADER.lengthMask) + 7) & ~7);
    if (next > window.length) break;
    at = next;
  }
  return at;
}

function openMemory(ring: MappedRing, bytes: number): RingMemory {
  if (process.versions["electron"] === undefined) {
    try {
      return viewed(ring, bytes);
    } catch {
      // A runtime that forbids external ArrayBuffers: copy instead.
    }
  }
  return copied(ring, bytes);
}

function viewed(ring: MappedRing, bytes: number): RingMemory {
  const consumer = new BigInt64Array(viewMemory(ring.consumer, 8));
  const producer = new BigInt64Array(viewMemory(ring.producer, 8));
  const data = new Uint8Array(viewMemory(ring.data, 2 * bytes));
  return {
    reader: "view",
    consumed: () => Number(Atomics.load(consumer, 0)),
    produced: () => Number(Atomics.load(producer, 0)),
    setConsumed: (position) => void Atomics.store(consumer, 0, BigInt(position)),
    at: (position, length) => {
      const start = position % bytes;
      return data.subarray(start, start + length);
    },
  };
}

function copied(ring: MappedRing, bytes: number): RingMemory {
  const word = new BigInt64Array(1);
  const buffer = new Uint8Array(MAX_RECORDS_FRAME_BYTES);
  const read = (address: bigint): number => {
    copyMemory(word, address, 8);
    return Number(word[0]);
  };
  return {
    reader: "copy",
    consumed: () => read(ring.consumer),
    produced: () => read(ring.producer),
    setConsumed: (position) => {
      word[0] = BigInt(position);
      copyMemory(ring.consumer, word, 8);
    },
    at: (position, length) => {
      copyMemory(buffer, ring.data + BigInt(position % bytes), length);
      return buffer.subarray(0, length);
    },
  };
}
