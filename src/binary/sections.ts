/**
 * Section contents, loaded when first asked for: SHF_COMPRESSED (zlib, zstd) and the older `.zdebug_*` are unpacked.
 */
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { decompress as fzstdDecompress } from "fzstd";
import type { ByteSource } from "./api.ts";
import type { Elf, ElfSection } from "./elf.ts";
import { DamagedError, Reader } from "./reader.ts";

/** The largest debug section known is below 300 MB; beyond 1 GiB a header lies. */
const MAX_SECTION_BYTES = 1 << 30;
/** deflate cannot do better than 1032:1 (zlib's technical notes); zstd's real ratios on DWARF stay below 100:1. */
const MAX_RATIO = 1100;
/** One read of a page source: small enough for scattered questions, large enough to be few calls. */
const PAGE_BYTES = 64 << 10;
/** 16 MiB of cached pages at most. */
const MAX_PAGES = 256;

export class Sections {
  readonly elf: Elf;
  readonly source: ByteSource;
  readonly #loaded = new Map<string, Promise<Uint8Array | undefined>>();
  readonly #pages = new Map<number, Promise<Uint8Array>>();

  constructor(source: ByteSource, elf: Elf) {
    this.source = source;
    this.elf = elf;
  }

  find(name: string): ElfSection | undefined {
    return this.elf.sections.find((section) => section.name === name && section.inFile);
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

  async #read(name: string): Promise<Uint8Array | undefined> {
    const plain = this.find(name);
    if (plain !== undefined) {
      const bytes = await this.source.read(plain.offset, plain.size);
      return plain.compressed ? await unpackCompressed(name, bytes) : bytes;
    }
    const old = this.find(name.replace(/^\.debug_/, ".zdebug_"));
    if (old === undefined || !name.startsWith(".debug_")) return undefined;
    return await unpackZdebug(name, await this.source.read(old.offset, old.size));
  }
}

/** gABI "Section Compression": Elf64_Chdr {type u32, reserved u32, size u64, addralign u64}. */
async function unpackCompressed(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  const reader = new Reader(bytes);
  const type = reader.u32();
  reader.skip(4);
  const size = reader.u64();
  reader.skip(8);
  const packed = bytes.subarray(reader.pos);
  checkSize(name, size, packed.length);
  if (type === 1) return await inflate(name, packed, size);
  if (type === 2) return unzstd(name, packed, size);
  throw new DamagedError(`section ${name} is compressed with method ${type}, which is neither zlib nor zstd`);
}

/** binutils' older form: "ZLIB", size as big-endian u64, deflate stream. */
async function unpackZdebug(name: string, bytes: Uint8Array): Promise<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || view.getUint32(0) !== 0x5a4c4942)
    throw new DamagedError(`section .z${name.slice(1)} does not begin with ZLIB`);
  const size = Number(view.getBigUint64(4));
  checkSize(name, size, bytes.length - 12);
  return await inflate(name, bytes.subarray(12), size);
}

function checkSize(name: string, size: number, packed: number): void {
  if (size > MAX_SECTION_BYTES || size > packed * MAX_RATIO + 1024)
    throw new DamagedError(`section ${name} claims ${size} bytes from ${packed} packed ones`);
}

/** On zlib's own thread: the event loop goes on, and several sections are unpacked at once. */
async function inflate(name: string, packed: Uint8Array, size: number): Promise<Uint8Array> {
  try {
    // A chunk that holds everything, with room to spare (a full one makes zlib take a second): one allocation, no
    // copies joined at the end.
    const out = await unzip(packed, { chunkSize: size + 64, maxOutputLength: size + 64 });
    if (out.length === size) return out;
  } catch {
    // Falls through: what zlib said adds nothing for a user.
  }
  throw new DamagedError(`section ${name} does not unpack`);
}

const unzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflate);

function unzstd(name: string, packed: Uint8Array, size: number): Uint8Array {
  try {
    // Node's own zstd exists since 22.15; the bundled Node 20 uses fzstd.
    const native = (zlib as { zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array })
      .zstdDecompressSync;
    const out =
      native === undefined
        ? fzstdDecompress(packed, new Uint8Array(size))
        : native(packed, { maxOutputLength: Math.max(size, 64) });
    if (out.length === size) return out;
  } catch {
    // As above.
  }
  throw new DamagedError(`section ${name} does not unpack`);
}
