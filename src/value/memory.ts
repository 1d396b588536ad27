/**
 * What an event holds of the target's memory. Bytes that were not copied never read as zero: every read gives the
 * bytes or the reason why there are none.
 */
import type { CapturedVariable } from "../probe/api.ts";
import { MAX_EVENT_BYTES } from "../protocol/capture.ts";
import type { Chunk, RawEvent } from "../protocol/records.ts";

export type Read = { readonly ok: true; readonly view: DataView } | { readonly ok: false; readonly reason: string };

/** The bytes of one value, wherever they were copied from. */
export interface ValueBytes {
  /** Offset in bytes from the start of the value. */
  read(offset: number, size: number): Read;
}

/** A parameter or result, put together from registers and stack. */
export function bytesOfVariable(variable: CapturedVariable, event: RawEvent): ValueBytes {
  return {
    read(offset, size) {
      // Sizes come from the program file: a damaged one can claim anything.
      if (!(size >= 0 && size <= MAX_EVENT_BYTES)) return { ok: false, reason: "its type's size cannot be right" };
      const bytes = new Uint8Array(size);
      for (let done = 0; done < size; ) {
        const at = offset + done;
        const piece = variable.pieces.find((piece) => piece.offset <= at && at < piece.offset + piece.size);
        if (piece === undefined) return { ok: false, reason: "was not captured" };
        if (piece.root === undefined) return { ok: false, reason: piece.reason ?? "was not captured" };
        if (piece.piece !== undefined && (event.failedPieces & (1 << piece.piece)) !== 0) return NOT_RESIDENT;
        const count = Math.min(size - done, piece.offset + piece.size - at);
        const from = piece.root + at - piece.offset;
        if (from + count > event.root.length) return { ok: false, reason: "the event is too short" };
        bytes.set(event.root.subarray(from, from + count), done);
        done += count;
      }
      return { ok: true, view: new DataView(bytes.buffer) };
    },
  };
}

/** The memory behind pointers: the event's chunks by address. */
export class CapturedMemory {
  private readonly chunks = new Map<bigint, Chunk>();
  private readonly missing: string;

  /** `missing`: why memory without a chunk was not copied. */
  constructor(chunks: readonly Chunk[], missing: string) {
    this.missing = missing;
    for (const chunk of chunks) {
      const known = this.chunks.get(chunk.address);
      // Two values may share their start: the longer copy serves both.
      if (known === undefined || known.bytes.length < chunk.bytes.length) this.chunks.set(chunk.address, chunk);
    }
  }

  /** Up to `length` bytes from `address`: fewer where fewer were copied. */
  read(address: bigint, length: number): { ok: true; bytes: Uint8Array } | { ok: false; reason: string } {
    const chunk = this.chunks.get(address);
    if (chunk === undefined) return { ok: false, reason: this.missing };
    if (chunk.status === "fault" && chunk.bytes.length < length) return NOT_RESIDENT;
    return { ok: true, bytes: chunk.bytes.subarray(0, length) };
  }
}

const NOT_RESIDENT = { ok: false, reason: "memory not resident" } as const;
