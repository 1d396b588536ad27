/**
 * Packed sections: SHF_COMPRESSED with zlib or zstd (gABI, "Section Compression") and binutils' older `.zdebug_*`.
 * zlib streams are read from the file piece by piece into one buffer of the known size: neither the packed section nor
 * several copies of the unpacked one are in memory.
 */
import * as zlib from "node:zlib";
import { decompress as fzstdDecompress } from "fzstd";
import { DamagedError, Reader } from "../bytes/reader.ts";
import type { ByteSource } from "../bytes/source.ts";

export interface PackedSection {
  readonly name: string;
  readonly method: "zlib" | "zstd";
  /** Of the stream in the file. */
  readonly offset: number;
  readonly packedSize: number;
  /** Unpacked bytes, as the header claims. */
  readonly size: number;
}

/** The largest debug section known is below 300 MB; beyond 1 GiB a header lies. */
const MAX_SECTION_BYTES = 1 << 30;
/** deflate cannot do better than 1032:1 (zlib's technical notes); zstd's real ratios on DWARF stay below 100:1. */
const MAX_RATIO = 1100;
/** Elf64_Chdr {type u32, reserved u32, size u64, addralign u64}. */
const CHDR_BYTES = 24;
/** "ZLIB", size as big-endian u64. */
const ZDEBUG_BYTES = 12;
/** Packed bytes read at once. */
const PIECE_BYTES = 256 << 10;
/** Room left in the buffer of a whole section. */
const SPARE_BYTES = 64;
/** Unpacked bytes that zlib hands over at once when only a part is wanted. */
const CHUNK_BYTES = 256 << 10;

export async function readPackedHeader(
  source: ByteSource,
  name: string,
  offset: number,
  fileSize: number,
  form: "chdr" | "zdebug",
): Promise<PackedSection> {
  const header = new Reader(await source.read(offset, Math.min(fileSize, form === "chdr" ? CHDR_BYTES : ZDEBUG_BYTES)));
  let method: "zlib" | "zstd" = "zlib";
  let size: number;
  if (form === "chdr") {
    const type = header.u32();
    if (type !== 1 && type !== 2)
      throw new DamagedError(`section ${name} is compressed with method ${type}, which is neither zlib nor zstd`);
    method = type === 1 ? "zlib" : "zstd";
    header.skip(4);
    size = header.u64();
    header.skip(8);
  } else {
    if (header.u32() !== 0x42494c5a) throw new DamagedError(`section .z${name.slice(1)} does not begin with ZLIB`);
    header.need(8);
    size = Number(header.view.getBigUint64(header.pos));
    header.skip(8);
  }
  const packedSize = fileSize - header.pos;
  if (size > MAX_SECTION_BYTES || size > packedSize * MAX_RATIO + 1024)
    throw new DamagedError(`section ${name} claims ${size} bytes from ${packedSize} packed ones`);
  return { name, method, offset: offset + header.pos, packedSize, size };
}

/** Unpacked bytes `from` … `from + length` (fewer at the end); the whole section where `length` covers it. */
export async function unpack(
  source: ByteSource,
  packed: PackedSection,
  from = 0,
  length = packed.size,
): Promise<Uint8Array> {
  const end = Math.min(from + length, packed.size);
  if (from > end) throw new DamagedError(`section ${packed.name} has no byte ${from}`);
  if (packed.method === "zlib") return await inflate(source, packed, from, end);
  return unzstd(packed, await source.read(packed.offset, packed.packedSize)).subarray(from, end);
}

async function inflate(source: ByteSource, packed: PackedSection, from: number, end: number): Promise<Uint8Array> {
  const whole = from === 0 && end === packed.size;
  // With a chunk that holds everything and is never full, zlib hands over consecutive parts of one buffer: the section.
  const stream = zlib.createInflate({ chunkSize: whole ? packed.size + SPARE_BYTES : CHUNK_BYTES });
  const window = whole ? undefined : new Uint8Array(end - from);
  let first: Buffer | undefined;
  let produced = 0;
  const done = new Promise<boolean>((resolve) => {
    stream.on("data", (chunk: Buffer) => {
      first ??= chunk;
      const start = Math.max(from - produced, 0);
      const stop = Math.min(end - produced, chunk.length);
      if (start < stop) window?.set(chunk.subarray(start, stop), produced + start - from);
      if (whole && (chunk.buffer !== first.buffer || chunk.byteOffset !== first.byteOffset + produced)) resolve(false);
      produced += chunk.length;
      if (produced > packed.size) resolve(false);
      else if (!whole && produced >= end) resolve(true);
    });
    stream.on("end", () => resolve(produced === packed.size));
    stream.on("error", () => resolve(false));
  });
  const state = { finished: false };
  void done.then(() => (state.finished = true));
  for (let at = 0; at < packed.packedSize && !state.finished; at += PIECE_BYTES) {
    const piece = await source.read(packed.offset + at, Math.min(PIECE_BYTES, packed.packedSize - at));
    if (!state.finished && !stream.write(piece))
      await Promise.race([done, new Promise((resolve) => stream.once("drain", resolve))]);
  }
  if (!state.finished) stream.end();
  const sound = await done;
  stream.destroy();
  if (!sound) throw new DamagedError(`section ${packed.name} does not unpack`);
  return window ?? new Uint8Array(first?.buffer ?? new ArrayBuffer(0), first?.byteOffset ?? 0, packed.size);
}

function unzstd(packed: PackedSection, bytes: Uint8Array): Uint8Array {
  try {
    // Node's own zstd exists since 22.15; the bundled Node 20 uses fzstd.
    const native = (zlib as { zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array })
      .zstdDecompressSync;
    const out =
      native === undefined
        ? fzstdDecompress(bytes, new Uint8Array(packed.size))
        : native(bytes, { maxOutputLength: Math.max(packed.size, 64) });
    if (out.length === packed.size) return out;
  } catch {
    // What the library said adds nothing for a user.
  }
  throw new DamagedError(`section ${packed.name} does not unpack`);
}
