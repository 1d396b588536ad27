/**
 * ELF headers, program headers and sections, through elfy.
 *
 * What this wrapper adds to elfy 1.0.0:
 * - elfy wants the whole file in one buffer. Here it gets a small one made of the ELF header, both header tables and
 *   the section name table, with the three offsets patched, so that a 136 MB file is not read for its 4 KB of headers.
 * - elfy believes every number. All counts and sizes are checked against the file before, every range after.
 * - elfy asserts (throws) where there are no sections or no section names; a file without them is still traceable.
 * - elfy reads `addralign` and `entsize` two bytes early, and 64-bit flags above bit 31 not at all: neither is exposed.
 */
import elfy from "elfy";
import { ARCHITECTURES, type Arch } from "../arch/arch.ts";
import { Reader } from "../bytes/reader.ts";
import type { ByteSource } from "../bytes/source.ts";
import { UserError } from "../protocol/errors.ts";
import { shown } from "../protocol/shown.ts";

export interface ElfSection {
  readonly name: string;
  readonly address: number;
  readonly offset: number;
  /** Bytes; 0 in the file for SHT_NOBITS, see `inFile`. */
  readonly size: number;
  readonly inFile: boolean;
  /** SHF_COMPRESSED: starts with an Elf64_Chdr. */
  readonly compressed: boolean;
  readonly executable: boolean;
  readonly allocated: boolean;
}

export interface ElfSegment {
  readonly type: string;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
  readonly executable: boolean;
  readonly writable: boolean;
}

export interface Elf {
  readonly arch: Arch;
  /** ET_DYN: a position-independent executable (or shared object). */
  readonly positionIndependent: boolean;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  readonly warnings: readonly string[];
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SECTION_HEADER_BYTES = 64;
/** Linkers write tens of program headers and sections; C objects with -ffunction-sections reach thousands. */
const MAX_PROGRAM_HEADERS = 4096;
const MAX_SECTIONS = 65535;
/** Cut sections that a warning names. */
const MAX_NAMED_SECTIONS = 4;
/** Section names are a few kilobytes. */
const MAX_SECTION_NAMES_BYTES = 4 << 20;

const ELF_MAGIC = Buffer.from("\x7fELF");

/** The warning of a file that runs without them. */
export const NO_SECTION_HEADERS =
  "the file has no section headers; symbols and DWARF, which they lead to, are left out";

export async function readElf(source: ByteSource): Promise<Elf> {
  const header = Buffer.from(await source.read(0, Math.min(source.size, HEADER_BYTES)));
  if (!header.subarray(0, 4).equals(ELF_MAGIC)) throw notElf(source.name, otherFormat(header));
  if (header.length < HEADER_BYTES) throw notElf(source.name, `it has only ${source.size} bytes`);
  if (header[4] !== 2) throw unsupported(source.name, "it is a 32-bit ELF file");
  if (header[5] !== 1) throw unsupported(source.name, "it is a big-endian ELF file");
  const system = header[7]!;
  if (system !== 0 && system !== 3)
    throw unsupported(source.name, `it is a program for ${OTHER_SYSTEMS[system] ?? `system number ${system}`}`);
  const machine = header.readUInt16LE(18);
  const type = header.readUInt16LE(16);
  const arch = Object.values(ARCHITECTURES).find(({ elfMachine }) => elfMachine === machine)?.name;
  if (arch === undefined)
    throw unsupported(source.name, `its machine is number ${machine}, not x86-64 (62) or AArch64 (183)`);
  if (type !== 2 && type !== 3)
    throw unsupported(
      source.name,
      type === 1 ? "it is an object file (.o), not linked yet" : `its ELF type is ${type}`,
    );

  const warnings: string[] = [];
  const programs = await headerTable(source, header, "program");
  const sections = await headerTable(source, header, "section").catch((error: unknown) => {
    // Sections are a convenience: the program runs, and can be traced, without them.
    if (!(error instanceof UserError)) throw error;
    warnings.push(`section headers cannot be used: ${error.why}`);
    return Buffer.alloc(0);
  });
  if (sections.length === 0 && warnings.length === 0) warnings.push(NO_SECTION_HEADERS);
  const names = await sectionNames(source, header, sections, warnings);
  const image = assemble(header, programs, sections, names);
  const parsed = elfy.parse(image);
  const checked = {
    segments: parsed.body.programs.map((program) => checkedSegment(source, program, warnings)),
    sections: sections.length === 0 ? [] : checkedSections(source, parsed.body.sections, sections, warnings),
  };
  checkPlaceOfCode(source.name, checked);
  return { arch, positionIndependent: type === 3, ...checked, warnings };
}

async function headerTable(source: ByteSource, header: Buffer, kind: "program" | "section"): Promise<Buffer> {
  const reader = new Reader(header, kind === "program" ? 32 : 40);
  const offset = reader.u64();
  const entryBytes = header.readUInt16LE(kind === "program" ? 54 : 58);
  let count = header.readUInt16LE(kind === "program" ? 56 : 60);
  const expected = kind === "program" ? PROGRAM_HEADER_BYTES : SECTION_HEADER_BYTES;
  const limit = kind === "program" ? MAX_PROGRAM_HEADERS : MAX_SECTIONS;
  if (offset === 0) return Buffer.alloc(0);
  if (kind === "section" && count === 0 && offset + expected <= source.size) {
    // gABI: more than 0xff00 sections keep their count in the first entry's sh_size.
    count = new Reader(await source.read(offset, expected), 32).u64();
  }
  if (count === 0) return Buffer.alloc(0);
  if (entryBytes !== expected) throw damaged(source.name, `a ${kind} header of ${entryBytes} bytes`);
  if (count > limit) throw unsupported(source.name, `it has ${count} ${kind} headers, and ${limit} are the most`);
  if (offset + count * entryBytes > source.size)
    throw damaged(source.name, `its ${kind} headers (${count} at ${offset}) lie beyond its end at ${source.size}`);
  return Buffer.from(await source.read(offset, count * entryBytes));
}

/** The section name table's bytes; makes one up (no names) where the file has none. */
async function sectionNames(source: ByteSource, header: Buffer, sections: Buffer, warnings: string[]): Promise<Buffer> {
  const count = sections.length / SECTION_HEADER_BYTES;
  let index = header.readUInt16LE(62);
  if (index === 0xffff && count > 0) index = sections.readUInt32LE(40);
  if (count === 0) return Buffer.alloc(1);
  if (index >= count) {
    warnings.push(`the section name table is number ${index} of ${count} sections`);
    return Buffer.alloc(1);
  }
  header.writeUInt16LE(index === 0xffff ? 0 : Math.min(index, 0xfffe), 62);
  const entry = new Reader(sections, index * SECTION_HEADER_BYTES + 24);
  const offset = entry.u64();
  const size = entry.u64();
  if (size > MAX_SECTION_NAMES_BYTES || offset + size > source.size) {
    warnings.push(`the section name table (${size} bytes at ${offset}) lies outside the file`);
    return Buffer.alloc(1);
  }
  return Buffer.from(await source.read(offset, size));
}

/** What elfy is given: header, program headers, section headers, one section name table as the last section. */
function assemble(header: Buffer, programs: Buffer, sections: Buffer, names: Buffer): Buffer {
  const count = sections.length / SECTION_HEADER_BYTES;
  const nameHeader = Buffer.alloc(SECTION_HEADER_BYTES);
  const namesAt = HEADER_BYTES + programs.length + sections.length + SECTION_HEADER_BYTES;
  nameHeader.writeUInt32LE(3, 4); // SHT_STRTAB: elfy asserts it.
  nameHeader.writeBigUInt64LE(BigInt(namesAt), 24);
  nameHeader.writeBigUInt64LE(BigInt(names.length), 32);
  const patched = Buffer.from(header);
  patched.writeBigUInt64LE(BigInt(programs.length === 0 ? 0 : HEADER_BYTES), 32);
  patched.writeBigUInt64LE(BigInt(HEADER_BYTES + programs.length), 40);
  patched.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  patched.writeUInt16LE(programs.length / PROGRAM_HEADER_BYTES, 56);
  patched.writeUInt16LE(SECTION_HEADER_BYTES, 58);
  patched.writeUInt16LE(Math.min(count, MAX_SECTIONS - 1) + 1, 60);
  patched.writeUInt16LE(Math.min(count, MAX_SECTIONS - 1), 62);
  return Buffer.concat([patched, programs, sections, nameHeader, names]);
}

function checkedSegment(source: ByteSource, program: elfy.Program, warnings: string[]): ElfSegment {
  let fileSize = program.filesz;
  if (program.offset + fileSize > source.size) {
    if (program.type === "load")
      warnings.push(`the file is cut short: a segment should reach ${program.offset + fileSize}`);
    fileSize = Math.max(0, source.size - program.offset);
  }
  return {
    type: program.type ?? "other",
    // Nothing is read there; a number beyond 2^53 would be none.
    offset: Math.min(program.offset, source.size),
    address: program.vaddr,
    fileSize,
    memorySize: program.memsz,
    align: program.align,
    executable: program.flags.x === true,
    writable: program.flags.w === true,
  };
}

function checkedSections(source: ByteSource, parsed: elfy.Section[], raw: Buffer, warnings: string[]): ElfSection[] {
  const sections: ElfSection[] = [];
  const cut: string[] = [];
  // The last one is the name table that `assemble` added.
  for (const [index, section] of parsed.slice(0, -1).entries()) {
    const inFile = section.type !== "nobits" && section.type !== "null";
    let size = section.size;
    if (inFile && section.off + size > source.size) {
      cut.push(section.name || `number ${index}`);
      size = Math.max(0, source.size - section.off);
    }
    const flags = raw.readUInt32LE(index * SECTION_HEADER_BYTES + 8);
    sections.push({
      name: section.name,
      address: section.addr,
      offset: Math.min(section.off, source.size),
      size,
      inFile,
      compressed: (flags & 0x800) !== 0,
      executable: (flags & 0x4) !== 0,
      allocated: (flags & 0x2) !== 0,
    });
  }
  const unnamed = parsed.slice(0, -1).filter(({ type, name }) => type !== "null" && name === "").length;
  if (unnamed > 0)
    warnings.push(`the names of ${unnamed} of the file's sections are lost, and with them what they hold`);
  if (cut.length > 0) {
    const shown = cut.slice(0, MAX_NAMED_SECTIONS).join(", ") + (cut.length > MAX_NAMED_SECTIONS ? ", …" : "");
    warnings.push(`the file is cut short or damaged: ${cut.length} of its sections reach beyond its end (${shown})`);
  }
  return sections;
}

/** Segments and sections both say where code is in the file; where they disagree, nothing tells which is damaged. */
function checkPlaceOfCode(name: string, { segments, sections }: Pick<Elf, "segments" | "sections">): void {
  const loaded = segments.filter(({ type }) => type === "load");
  const moved = sections.find(
    ({ executable, allocated, inFile, size, address, offset }) =>
      executable &&
      allocated &&
      inFile &&
      size > 0 &&
      !loaded.some((segment) => {
        const into = address - segment.address;
        return into >= 0 && into < segment.memorySize && segment.offset + into === offset;
      }),
  );
  if (moved !== undefined)
    throw damaged(
      name,
      `its program headers and section ${moved.name === "" ? "(unnamed)" : moved.name} disagree about where its code is`,
    );
}

export const WHAT_IS_READ =
  "Probelens traces 64-bit Go programs for Linux on amd64; of those on arm64 it shows the functions";

/** EI_OSABI; 0 is System V, as most programs for Linux say, 3 is Linux. */
const OTHER_SYSTEMS: Readonly<Record<number, string>> = {
  2: "NetBSD",
  6: "Solaris",
  9: "FreeBSD",
  12: "OpenBSD",
};

/** What files of other formats begin with, as Latin-1. */
const OTHER_FORMATS: readonly (readonly [begin: string, format: string])[] = [
  // mach-o/loader.h: 64-bit little-endian, and the universal file around several.
  ["\xcf\xfa\xed\xfe", "it is a macOS program (Mach-O)"],
  ["\xca\xfe\xba\xbe", "it is a macOS program (Mach-O)"],
  ["MZ", "it is a Windows program (PE)"],
  ["#!", "it is a script"],
  ["!<arch>\n", "it is an archive (ar)"],
];

function otherFormat(header: Buffer): string {
  if (header.length === 0) return "it is empty";
  const begin = header.toString("latin1");
  const format = OTHER_FORMATS.find(([magic]) => begin.startsWith(magic));
  return format?.[1] ?? "it does not begin with \\x7fELF";
}

function notElf(name: string, why: string): UserError {
  return new UserError({
    code: "not-elf",
    what: `cannot read ${shown(name)}`,
    why: `not an ELF file: ${why}`,
    remedy: "Give the Linux program file that `go build` made, not a script, archive or other system's program.",
  });
}

function unsupported(name: string, why: string): UserError {
  return new UserError({
    code: "unsupported-elf",
    what: `cannot read ${shown(name)}`,
    why,
    remedy: WHAT_IS_READ,
  });
}

function damaged(name: string, why: string): UserError {
  return new UserError({
    code: "damaged-elf",
    what: `cannot read ${shown(name)}`,
    why: `the file is damaged or cut short: ${why}`,
    remedy: "Compare its size with the original and copy it again.",
  });
}
