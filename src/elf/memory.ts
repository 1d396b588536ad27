/**
 * The program's memory as the file describes it: bytes by virtual address, pointers with the relocations of a
 * position-independent file applied (a linker may leave zeros in the data and the value in `.rela.dyn` only).
 */

import { DamagedError } from "../bytes/reader.ts";
import type { ElfSegment } from "./elf.ts";
import { Relocations } from "./relocations.ts";
import type { Sections } from "./sections.ts";

export class Memory {
  readonly #sections: Sections;
  readonly #loads: readonly ElfSegment[];
  #relocations: Promise<Relocations> | undefined;

  constructor(sections: Sections) {
    this.#sections = sections;
    this.#loads = sections.elf.segments.filter((segment) => segment.type === "load");
  }

  /** File offset of an address that the file has bytes for. */
  offsetOf(address: number, executableOnly = false): number | undefined {
    for (const segment of this.#loads) {
      if (executableOnly && !segment.executable) continue;
      const inside = address - segment.address;
      if (inside >= 0 && inside < segment.fileSize) return segment.offset + inside;
    }
    return undefined;
  }

  isExecutable(address: number): boolean {
    return this.offsetOf(address, true) !== undefined;
  }

  /** Where a section of the program stands in memory. */
  section(name: string): { readonly address: number; readonly size: number } | undefined {
    return this.#sections.find(name);
  }

  /** Address of a file offset. */
  addressOf(offset: number): number | undefined {
    for (const segment of this.#loads) {
      const inside = offset - segment.offset;
      if (inside >= 0 && inside < segment.fileSize) return segment.address + inside;
    }
    return undefined;
  }

  /** Bytes at an address; rejects with DamagedError where the file has none. Memory beyond the file's part is not read. */
  async read(address: number, length: number): Promise<Uint8Array> {
    const offset = this.offsetOf(address);
    if (offset === undefined || this.offsetOf(address + Math.max(length, 1) - 1) !== offset + Math.max(length, 1) - 1)
      throw new DamagedError(`the file has no ${length} bytes for address 0x${address.toString(16)}`);
    return this.#sections.at(offset, length);
  }

  /** Like `read`, but fewer bytes where the file has fewer from there on. */
  async readUpTo(address: number, length: number): Promise<Uint8Array> {
    for (let wanted = length; wanted > 0; wanted = Math.floor(wanted / 2))
      if (this.offsetOf(address + wanted - 1) !== undefined) return this.read(address, wanted);
    throw new DamagedError(`the file has no bytes for address 0x${address.toString(16)}`);
  }

  /** Words at an address, each with its relocation applied. Values beyond 53 bits (no pointers) read as 0. */
  async words(address: number, count: number): Promise<number[]> {
    const bytes = await this.read(address, count * 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const relocations = this.#sections.elf.positionIndependent ? await this.relocations() : undefined;
    return Array.from({ length: count }, (_, index) => {
      const value = view.getBigUint64(index * 8, true);
      return relocations?.valueAt(address + index * 8) ?? (value < 1n << 53n ? Number(value) : 0);
    });
  }

  /**
   * Addresses of data words that hold `value`, found in the file's relocations and bytes: first in the sections where
   * linkers keep the runtime's tables, then in all data.
   */
  async *pointersTo(value: number): AsyncIterable<number> {
    // No address of a program, but one of a damaged file may be.
    if (!Number.isSafeInteger(value) || value < 0) return;
    if (this.#sections.elf.positionIndependent) yield* (await this.relocations()).placesOf((at) => at === value);
    for (const name of TABLE_SECTIONS) {
      const section = this.#sections.find(name);
      if (section !== undefined) yield* this.#scan(value, section.offset, section.address, section.size);
    }
    for (const segment of this.#loads)
      if (!segment.executable || segment.writable)
        yield* this.#scan(value, segment.offset, segment.address, segment.fileSize);
  }

  /** The same for any of many values, in one pass over all data: `pointersTo` is faster for one. */
  async *pointersToAny(values: ReadonlySet<number>): AsyncIterable<number> {
    if (this.#sections.elf.positionIndependent) yield* (await this.relocations()).placesOf((at) => values.has(at));
    for (const { executable, writable, offset, address, fileSize } of this.#loads) {
      if (executable && !writable) continue;
      for (let at = (8 - (address % 8)) % 8; at < Math.min(fileSize, MAX_SCAN_BYTES); at += SCAN_CHUNK_BYTES) {
        const chunk = await this.#sections.source.read(offset + at, Math.min(SCAN_CHUNK_BYTES, fileSize - at));
        const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
        for (let word = 0; word + 8 <= chunk.length; word += 8)
          if (values.has(view.getUint32(word, true) + view.getUint32(word + 4, true) * 2 ** 32))
            yield address + at + word;
      }
    }
  }

  /** Addresses at which this text of at most eight bytes stands, outside of code. */
  async *constants(text: string): AsyncIterable<number> {
    for (const { executable, offset, address, fileSize } of this.#loads)
      if (!executable) yield* this.#scanBytes(Buffer.from(text, "latin1"), 1, offset, address, fileSize);
  }

  async *#scan(value: number, offset: number, address: number, size: number): AsyncIterable<number> {
    const wanted = Buffer.alloc(8);
    wanted.writeBigUInt64LE(BigInt(value));
    yield* this.#scanBytes(wanted, 8, offset, address, size);
  }

  async *#scanBytes(
    wanted: Buffer,
    align: number,
    offset: number,
    address: number,
    size: number,
  ): AsyncIterable<number> {
    const overlap = wanted.length - (align === 1 ? 1 : 0);
    // A chunk overlaps the next, so that no match is cut in two.
    for (let at = 0; at < Math.min(size, MAX_SCAN_BYTES); at += SCAN_CHUNK_BYTES) {
      const chunk = Buffer.from(
        await this.#sections.source.read(offset + at, Math.min(SCAN_CHUNK_BYTES + overlap, size - at)),
      );
      for (let hit = chunk.indexOf(wanted); hit >= 0; hit = chunk.indexOf(wanted, hit + 1))
        if ((address + at + hit) % align === 0) yield address + at + hit;
    }
  }

  relocations(): Promise<Relocations> {
    this.#relocations ??= Relocations.load(this.#sections);
    return this.#relocations;
  }
}

const SCAN_CHUNK_BYTES = 4 << 20;
/** Data of one segment; the largest known programs have a tenth of it. */
const MAX_SCAN_BYTES = 512 << 20;
/** moduledata's home: `.go.module` since Go 1.26, before that with the data that holds no pointers to the heap. */
const TABLE_SECTIONS = [".go.module", ".noptrdata", ".data", ".data.rel.ro"];
