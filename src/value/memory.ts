/**
 * One event as an address space. Bytes that were not copied never read as zero: every read gives the bytes or the
 * reason why there are none.
 */

import { MAX_EVENT_BYTES } from "../protocol/capture.ts";

/** Why a part of a value cannot be shown. */
export interface Missing {
  /** A clause. */
  readonly reason: string;
  /** Not read on purpose. */
  readonly redacted?: true;
  /** A budget of the event ended the copying, the target's memory is in order. */
  readonly limit?: true;
}

/** A plan that has no room for it leaves it out: no statement about the target's memory. */
export const NOT_CAPTURED: Missing = { reason: "was not captured", limit: true };
export const NOT_RESIDENT: Missing = { reason: "memory not resident" };
/** It was waited for (`--fault-in`), and did not come. */
export const NOT_MAPPED: Missing = { reason: "memory not mapped" };

/** Why memory of this event could not be read. */
export function unreadable({ waited }: { readonly waited?: true }): Missing {
  return waited === true ? NOT_MAPPED : NOT_RESIDENT;
}
export const REDACTED: Missing = { reason: "redacted", redacted: true };

/** Bytes that a region has no value for although they lie inside it; offsets in its view. */
export interface Gap {
  readonly start: number;
  readonly end: number;
  readonly missing: Missing;
}

const NO_BYTES = new Uint8Array(0);
const NO_GAPS: readonly Gap[] = [];

/**
 * Bytes of the target from one address on. Offsets and sizes in bytes. Ask `missing` before each read: the reads
 * themselves do not look again.
 */
export class Region {
  readonly #view: DataView;
  readonly #base: number;
  readonly #end: number;
  readonly #beyond: Missing;
  readonly #gaps: readonly Gap[];

  /** From byte `base` of `view` to byte `end`; `beyond`: why there is nothing behind it. */
  constructor(view: DataView, base: number, end: number, beyond: Missing, gaps: readonly Gap[] = NO_GAPS) {
    this.#view = view;
    this.#base = base;
    this.#end = Math.min(end, view.byteLength);
    this.#beyond = beyond;
    this.#gaps = gaps;
  }

  /** Bytes up to the region's end. */
  get length(): number {
    return Math.max(0, this.#end - this.#base);
  }

  missing(offset: number, size: number): Missing | undefined {
    const start = this.#base + offset;
    const end = start + size;
    if (this.#gaps.length > 0 && size > 0) {
      for (const gap of this.#gaps) if (gap.start < end && start < gap.end) return gap.missing;
    }
    if (end <= this.#end && start >= this.#base) return undefined;
    // Sizes come from the program file: a damaged one can claim anything, NaN included.
    return size === 0 ? undefined : this.#beyond;
  }

  /** How many bytes from the start on can be read without a gap, `size` at the most; and why no more. */
  run(size: number): { readonly length: number; readonly why: Missing } {
    let length = Math.min(size, this.length);
    let why = this.#beyond;
    for (const gap of this.#gaps) {
      const start = Math.max(0, gap.start - this.#base);
      if (gap.end > this.#base && start < length) {
        length = start;
        why = gap.missing;
      }
    }
    return { length, why };
  }

  u8(offset: number): number {
    return this.#view.getUint8(this.#base + offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#base + offset, true);
  }

  u32(offset: number): number {
    return this.#view.getUint32(this.#base + offset, true);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(this.#base + offset, true);
  }

  i8(offset: number): number {
    return this.#view.getInt8(this.#base + offset);
  }

  i16(offset: number): number {
    return this.#view.getInt16(this.#base + offset, true);
  }

  i32(offset: number): number {
    return this.#view.getInt32(this.#base + offset, true);
  }

  f32(offset: number): number {
    return this.#view.getFloat32(this.#base + offset, true);
  }

  f64(offset: number): number {
    return this.#view.getFloat64(this.#base + offset, true);
  }

  /** A word as a number: exact up to 2^53, which all addresses and lengths are that mean something. */
  word(offset: number): number {
    return this.u32(offset) + this.u32(offset + 4) * 2 ** 32;
  }

  /** A signed word as a number; undefined where a number does not hold it exactly. */
  smallInteger(offset: number): number | undefined {
    const high = this.i32(offset + 4);
    return high >= -0x20_0000 && high < 0x20_0000 ? high * 2 ** 32 + this.u32(offset) : undefined;
  }

  hexWord(offset: number): string {
    const low = this.u32(offset);
    const high = this.u32(offset + 4);
    return high === 0 ? `0x${low.toString(16)}` : `0x${high.toString(16)}${low.toString(16).padStart(8, "0")}`;
  }

  bytes(offset: number, size: number): Uint8Array {
    // None may be asked for anywhere, behind the end too.
    if (size === 0) return NO_BYTES;
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + this.#base + offset, size);
  }
}

/** For values without bytes. */
export const EMPTY = new Region(new DataView(new ArrayBuffer(0)), 0, 0, NOT_CAPTURED);

/** One run of copied memory (`RawEvent.chunks`). */
export interface MemoryChunk {
  readonly address: bigint;
  /** `fault`: behind `bytes`, the memory could not be read without disturbing the target. */
  readonly status: "ok" | "fault";
  readonly bytes: Uint8Array;
  /** Bytes that would have been copied without budgets; absent: as many as there are. */
  readonly wanted?: number;
  /** Capture type of its elements. */
  readonly type?: number;
}

/** Bytes of one element that the kernel zeroed before it sent the event: secrets. */
export interface ChunkMasks {
  readonly size: number;
  readonly masks: readonly { readonly offset: number; readonly length: number }[];
}

export interface MemoryReasons {
  /** Why memory without a chunk was not copied. */
  readonly uncopied: Missing;
  /** Why a chunk is shorter than wanted. */
  readonly short: Missing;
  /** Why memory could not be read. */
  readonly unreadable: Missing;
}

interface Run {
  readonly start: number;
  readonly end: number;
  readonly view: DataView;
  readonly gaps: readonly Gap[];
  readonly beyond: Missing;
}

/** Memory behind pointers: the event's chunks by address range. Chunks may overlap; an address may lie inside one. */
export class CapturedMemory {
  readonly #chunks: readonly MemoryChunk[];
  readonly #reasons: MemoryReasons;
  readonly #masksOf: (type: number) => ChunkMasks | undefined;
  #runs: readonly Run[] | undefined;
  /** The highest end of the runs up to here. */
  #ends: readonly number[] = [];

  constructor(
    chunks: readonly MemoryChunk[],
    reasons: MemoryReasons,
    masksOf: (type: number) => ChunkMasks | undefined = () => undefined,
  ) {
    this.#chunks = chunks;
    this.#reasons = reasons;
    this.#masksOf = masksOf;
  }

  /** The chunk that has the most of `size` bytes from `address` on. The region may be shorter: ask it. */
  at(address: number, size: number): Region | Missing {
    if (size === 0) return EMPTY;
    this.#runs ??= this.#sorted();
    let best: { region: Region; length: number } | undefined;
    for (let at = upperBound(this.#runs, address) - 1; at >= 0 && this.#ends[at]! > address; at--) {
      const { start, end, view, gaps, beyond } = this.#runs[at]!;
      if (end <= address) continue;
      const region = new Region(view, address - start, view.byteLength, beyond, gaps);
      const { length } = region.run(size);
      if (best === undefined || length > best.length) best = { region, length };
      if (length >= size) break;
    }
    return best?.region ?? this.#reasons.uncopied;
  }

  #sorted(): readonly Run[] {
    const runs: Run[] = [];
    for (const chunk of this.#chunks) {
      const start = Number(chunk.address);
      const { bytes, status } = chunk;
      // A chunk without bytes still tells why there are none at its address.
      const length = Math.max(bytes.length, Math.min(chunk.wanted ?? 0, MAX_EVENT_BYTES), 1);
      runs.push({
        start,
        end: start + length,
        view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
        gaps: this.#gapsOf(chunk),
        beyond: this.#beyond(status, bytes.length < length),
      });
    }
    runs.sort((a, b) => a.start - b.start);
    const ends: number[] = [];
    for (const { end } of runs) ends.push(Math.max(end, ends.at(-1) ?? 0));
    this.#ends = ends;
    return runs;
  }

  #beyond(status: "ok" | "fault", short: boolean): Missing {
    if (status === "fault") return this.#reasons.unreadable;
    return short ? this.#reasons.short : this.#reasons.uncopied;
  }

  #gapsOf({ type, bytes }: MemoryChunk): readonly Gap[] {
    const masked = type === undefined ? undefined : this.#masksOf(type);
    if (masked === undefined || masked.masks.length === 0 || !(masked.size > 0)) return NO_GAPS;
    const gaps: Gap[] = [];
    for (let elem = 0; elem < bytes.length; elem += masked.size) {
      for (const { offset, length } of masked.masks)
        gaps.push({ start: elem + offset, end: elem + offset + length, missing: REDACTED });
    }
    return gaps;
  }
}

/** The number of runs that start at or below the address. */
function upperBound(runs: readonly Run[], address: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle]!.start <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
