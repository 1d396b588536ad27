/**
 * Section contents, loaded when first asked for: SHF_COMPRESSED (zlib, zstd) and the older `.zdebug_*` are unpacked.
 */

import { DamagedError } from "../bytes/reader.ts";
import type { ByteSource } from "../bytes/source.ts";
import { type PackedSection, readPackedHeader, unpack } from "./compression.ts";
import type { Elf, ElfSection } from "./elf.ts";

/** One read of a page source: small enough for scattered questions, large enough to be few calls. */
const PAGE_BYTES = 64 << 10;
/** All sections of the largest known Go programs together are half of this; a sparse file can claim anything. */
const MAX_LOADED_BYTES = 1 << 30;
/** 4 MiB of cached pages at most: what is passed over once, such as the inline trees, gains nothing from more. */
const MAX_PAGES = 64;

export class Sections {
  readonly elf: Elf;
  readonly source: ByteSource;
  readonly #loaded = new Map<string, Promise<Uint8Array | undefined>>();
  readonly #pages = new Map<number, Promise<Uint8Array>>();
  #loadedBytes = 0;

  constructor(source: ByteSource, elf: Elf) {
    this.source = source;
    this.elf = elf;
  }

  find(name: string): ElfSection | undefined {
    return this.elf.sections.find((section) => section.name === name && section.inFile);
  }

  /** Whether sections can be told by name; where they can, what has no section of its own need not be searched for. */
  get named(): boolean {
    return this.elf.sections.some((section) => section.name.startsWith("."));
  }

  /** Contents by name; `.debug_info` also finds `.zdebug_info`. Rejects with DamagedError. */
  load(name: string): Promise<Uint8Array | undefined> {
    let loading = this.#loaded.get(name);
    if (loading === undefined) {
      loading = this.#read(name);
      this.#loaded.set(name, loading);
    }
    return loading;
  }

  has(name: string): boolean {
    return this.find(name) !== undefined || this.find(name.replace(/^\.debug_/, ".zdebug_")) !== undefined;
  }

  /** Forgets a large section that will not be needed again soon. */
  drop(name: string): void {
    this.#loaded.delete(name);
  }

  /** Bytes of the file, through a page cache: for many small reads near each other. */
  async at(offset: number, length: number): Promise<Uint8Array> {
    if (length > PAGE_BYTES * 4) return this.source.read(offset, length);
    const first = Math.floor(offset / PAGE_BYTES);
    const last = Math.floor((offset + Math.max(length, 1) - 1) / PAGE_BYTES);
    if (first === last) {
      const page = await this.#page(first);
      const start = offset - first * PAGE_BYTES;
      if (start + length > page.length)
        throw new DamagedError(`${length} bytes at ${offset} lie beyond the file's end`);
      return page.subarray(start, start + length);
    }
    const out = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const page = await this.#page(Math.floor(at / PAGE_BYTES));
      const part = page.subarray(at % PAGE_BYTES, (at % PAGE_BYTES) + length - done);
      if (part.length === 0) throw new DamagedError(`${length} bytes at ${offset} lie beyond the file's end`);
      out.set(part, done);
      done += part.length;
    }
    return out;
  }

  #page(index: number): Promise<Uint8Array> {
    let page = this.#pages.get(index);
    if (page === undefined) {
      const offset = index * PAGE_BYTES;
      const length = Math.min(PAGE_BYTES, this.source.size - offset);
      if (length <= 0) throw new DamagedError(`offset ${offset} lies beyond the file's end`);
      if (this.#pages.size >= MAX_PAGES) this.#pages.delete(this.#pages.keys().next().value!);
      page = this.source.read(offset, length);
      this.#pages.set(index, page);
    }
    return page;
  }

  /**
   * Bytes of a section from an offset on, `length` or as many as there are, without loading all of it. For packed
   * sections each call unpacks everything before the offset: ask for few.
   */
  async window(name: string, offset: number, length: number): Promise<Uint8Array | undefined> {
    const loaded = await this.#loaded.get(name);
    if (loaded !== undefined) return loaded.subarray(offset, offset + length);
    const packed = await this.#packed(name);
    if (packed !== undefined) return await unpack(this.source, packed, offset, length);
    const plain = this.find(name);
    if (plain === undefined) return undefined;
    if (offset > plain.size) throw new DamagedError(`section ${name} has no byte ${offset}`);
    return await this.source.read(plain.offset + offset, Math.min(length, plain.size - offset));
  }

  async #read(name: string): Promise<Uint8Array | undefined> {
    const packed = await this.#packed(name);
    if (packed !== undefined) return await unpack(this.source, packed);
    const plain = this.find(name);
    if (plain === undefined) return undefined;
    if (this.#loadedBytes + plain.size > MAX_LOADED_BYTES)
      throw new DamagedError(`section ${name} has ${plain.size} bytes`);
    this.#loadedBytes += plain.size;
    return await this.source.read(plain.offset, plain.size);
  }

  async #packed(name: string): Promise<PackedSection | undefined> {
    const plain = this.find(name);
    if (plain?.compressed === true) return await readPackedHeader(this.source, name, plain.offset, plain.size, "chdr");
    const old = plain === undefined ? this.find(name.replace(/^\.debug_/, ".zdebug_")) : undefined;
    if (old === undefined) return undefined;
    return await readPackedHeader(this.source, name, old.offset, old.size, "zdebug");
  }
}
