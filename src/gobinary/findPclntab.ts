/** Finds and reads pclntab: by section, by symbol, else by its magic number in the program's data. */

import { DamagedError } from "../bytes/reader.ts";
import type { Memory } from "../elf/memory.ts";
import type { Sections } from "../elf/sections.ts";
import { isMagic, Pclntab } from "./pclntab.ts";

export interface FoundPclntab {
  readonly pclntab: Pclntab;
  readonly address: number;
}

const SECTIONS = [".gopclntab", ".data.rel.ro.gopclntab"];
const SCAN_CHUNK_BYTES = 4 << 20;
/** More is no function table (the largest known has 60 MB), and more data before it no program. */
const MAX_TABLE_BYTES = 1 << 30;
const MAX_SCAN_BYTES = 512 << 20;
/** Places that look like a header and are none; real binaries have at most a few. */
const MAX_FALSE_HEADERS = 1000;

/** `isGo`: build info was found. A file with named sections and without it is not searched from end to end. */
export async function findPclntab(
  sections: Sections,
  memory: Memory,
  isGo: boolean,
): Promise<FoundPclntab | undefined> {
  for (const name of SECTIONS) {
    const section = sections.find(name);
    if (section === undefined || section.size === 0) continue;
    const found = await tryRead(sections, memory, section.offset, section.address, section.size);
    if (found !== undefined) return found;
  }
  return isGo || !sections.named ? scan(sections, memory) : undefined;
}

/** Of a table whose header is one but for its magic number: that number, in hexadecimal. */
export async function unknownMagic(sections: Sections): Promise<string | undefined> {
  for (const name of SECTIONS) {
    const section = sections.find(name);
    if (section === undefined || section.size < 8) continue;
    const head = Buffer.from(await sections.source.read(section.offset, 8));
    const isHeader = head.readUInt16LE(4) === 0 && (head[6] === 1 || head[6] === 4) && head[7] === 8;
    if (isHeader && !isMagic(head.readUInt32LE(0))) return head.readUInt32LE(0).toString(16);
  }
  return undefined;
}

async function scan(sections: Sections, memory: Memory): Promise<FoundPclntab | undefined> {
  let misses = 0;
  let left = MAX_SCAN_BYTES;
  for (const segment of sections.elf.segments) {
    if (segment.type !== "load") continue;
    for (let at = 0; at < segment.fileSize && left > 0; at += SCAN_CHUNK_BYTES, left -= SCAN_CHUNK_BYTES) {
      const chunk = await sections.source.read(
        segment.offset + at,
        Math.min(SCAN_CHUNK_BYTES + 8, segment.fileSize - at),
      );
      for (const hit of headers(chunk)) {
        const offset = segment.offset + at + hit;
        const found = await tryRead(sections, memory, offset, segment.address + at + hit, segment.fileSize - at - hit);
        if (found !== undefined) return found;
        if (++misses > MAX_FALSE_HEADERS) return undefined;
      }
    }
  }
  return undefined;
}

/** Offsets of `?? ff ff ff 00 00 quantum 08` with one of the four magic numbers. */
function* headers(chunk: Uint8Array): Iterable<number> {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (const quantum of [1, 4]) {
    const pattern = Buffer.from([0xff, 0xff, 0xff, 0, 0, quantum, 8]);
    for (let hit = bytes.indexOf(pattern); hit >= 1; hit = bytes.indexOf(pattern, hit + 1)) yield hit - 1;
  }
}

async function tryRead(
  sections: Sections,
  memory: Memory,
  offset: number,
  address: number,
  size: number,
): Promise<FoundPclntab | undefined> {
  try {
    const head = new Pclntab(await sections.source.read(offset, Math.min(size, HEADER_BYTES)), true);
    const needed = Math.min(size, await neededBytes(sections, head, offset, size));
    if (needed > MAX_TABLE_BYTES) throw new DamagedError(`a function table of ${needed} bytes`);
    let bytes = await sections.source.read(offset, needed);
    if (sections.elf.positionIndependent && head.hasPointers)
      bytes = (await memory.relocations()).applied(bytes, address);
    const pclntab = new Pclntab(bytes);
    return plausible(pclntab) ? { pclntab, address } : undefined;
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

const HEADER_BYTES = 72;
/** A function's own record: fixed part, pcdata and funcdata tables, each a handful of words. */
const LAST_RECORD_BYTES = 1024;

/** Without a section the end must be found: from 1.16 on the records of the functions come last. */
async function neededBytes(sections: Sections, head: Pclntab, offset: number, size: number): Promise<number> {
  if (head.format === "1.2" || head.count === 0) return size;
  const functab = head.functabOffset;
  const width = head.hasPointers ? 8 : 4;
  const at = functab + (head.count - 1) * width * 2 + width;
  if (at + width > size) throw new DamagedError("the function table is cut short");
  const last = Buffer.from(await sections.at(offset + at, width)).readUIntLE(0, Math.min(width, 6));
  return functab + last + LAST_RECORD_BYTES;
}

/** Ascending entries and a name for the first function: no accident. */
function plausible(pclntab: Pclntab): boolean {
  if (pclntab.count === 0) return false;
  const sample = Math.min(pclntab.count, 64);
  for (let i = 0; i < sample; i++) if (pclntab.entryOffset(i) > pclntab.entryOffset(i + 1)) return false;
  return /^[\x20-\x7e\u0080-\uffff]+$/.test(pclntab.name(0));
}
