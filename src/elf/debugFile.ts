/** Separate debug files: distributions strip programs and keep symbols and DWARF under the build ID or a debug link. */

import { DamagedError, Reader } from "../bytes/reader.ts";
import type { ByteSource } from "../bytes/source.ts";
import { UserError } from "../protocol/errors.ts";
import { readElf } from "./elf.ts";
import type { BuildIds } from "./notes.ts";
import { readBuildIds } from "./notes.ts";
import { Sections } from "./sections.ts";

export type FindDebugFile = (buildId: string, debugLink: string | undefined) => Promise<ByteSource | undefined>;

/** A file name, padding and a CRC. */
const MAX_DEBUG_LINK_BYTES = 4096;
/** NAME_MAX of Linux: a longer name is no file's. */
const MAX_NAME_CHARS = 255;

export interface DebugFile {
  /** Undefined where there is none, or it is of another build: types and addresses of that would be wrong values. */
  readonly sections?: Sections;
  /** Why a file that the program names is not used, a clause. */
  readonly unused?: string;
}

/** Also says in `warnings` why a file that was found is not used. */
export async function openDebugFile(
  sections: Sections,
  ids: BuildIds,
  find: FindDebugFile,
  warnings: string[],
): Promise<DebugFile> {
  const link = await debugLink(sections);
  const buildId = ids.gnu ?? ids.go;
  if (buildId === undefined && link === undefined) return {};
  const source = await find(buildId ?? "", link?.name);
  if (source === undefined) return link === undefined ? {} : { unused: `its debug file ${link.name} is not found` };
  const notUsed = (why: string): DebugFile => {
    warnings.push(`the debug file ${source.name} ${why}`);
    return { unused: `its debug file ${source.name} ${why}` };
  };
  try {
    const debug = new Sections(source, await readElf(source));
    if (debug.elf.arch !== sections.elf.arch || !(await sameBuild(debug, ids, link?.crc))) {
      return notUsed("belongs to another build and is not used");
    }
    return { sections: debug };
  } catch (error) {
    if (!(error instanceof DamagedError || error instanceof UserError)) throw error;
    return notUsed(`cannot be read: ${error.message}`);
  }
}

async function sameBuild(debug: Sections, ids: BuildIds, crc: number | undefined): Promise<boolean> {
  const theirs = await readBuildIds(debug);
  if (ids.gnu !== undefined && theirs.gnu !== undefined) return ids.gnu === theirs.gnu;
  if (ids.go !== undefined && theirs.go !== undefined) return ids.go === theirs.go;
  return crc !== undefined && (await crc32Of(debug.source)) === crc;
}

/** .gnu_debuglink: file name, NUL, padding to 4 bytes, CRC-32 of the debug file. */
async function debugLink(sections: Sections): Promise<{ name: string; crc: number } | undefined> {
  const section = sections.find(".gnu_debuglink");
  if (section === undefined || section.size > MAX_DEBUG_LINK_BYTES) return undefined;
  try {
    const reader = new Reader(await sections.at(section.offset, section.size));
    const name = reader.cstring();
    reader.seek((reader.pos + 3) & ~3);
    return name.length > MAX_NAME_CHARS ? undefined : { name, crc: reader.u32() };
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

const CHUNK_BYTES = 1 << 20;

async function crc32Of(source: ByteSource): Promise<number> {
  let crc = 0xffffffff;
  for (let at = 0; at < source.size; at += CHUNK_BYTES) {
    const chunk = await source.read(at, Math.min(CHUNK_BYTES, source.size - at));
    for (const byte of chunk) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** CRC-32 (IEEE 802.3), as zlib and gdb compute it. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
