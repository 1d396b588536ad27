/**
 * The runtime's own function table (`runtime.pclntab`), which every Go binary has, stripped or not: functions, files,
 * lines, inline trees. Formats: Go 1.2 to 1.15, 1.16 and 1.17, 1.18 and 1.19, 1.20 to 1.27 (internal/abi/symtab.go,
 * cmd/link/internal/ld/pcln.go, runtime/symtab.go of those versions).
 *
 * Nothing is turned into objects here: a table of 150 000 functions is read in place.
 */
import { DamagedError, Reader, textAt } from "../bytes/reader.ts";

export type PclntabFormat = "1.2" | "1.16" | "1.18" | "1.20";

/** runtime.funcFlag bits (runtime/symtab.go; ASM since Go 1.17.? see `FuncFlagAsm` in internal/abi/symtab.go). */
export const FLAG_ASM = 4;
/** The function sets RSP to another stack's, so that its own frame cannot be known (since Go 1.17). */
export const FLAG_SP_WRITE = 2;

/** FUNCDATA_StackObjects (internal/abi/symtab.go). */
export const FUNCDATA_STACK_OBJECTS = 2;
/** FUNCDATA_ArgInfo, since Go 1.17. */
export const FUNCDATA_ARG_INFO = 5;
export const PCDATA_INLINE_TREE_INDEX = 2;

const MAGIC: Readonly<Record<number, PclntabFormat>> = {
  0xfffffffb: "1.2",
  0xfffffffa: "1.16",
  0xfffffff0: "1.18",
  0xfffffff1: "1.20",
};

export function isMagic(number: number): boolean {
  return number in MAGIC;
}

/** No binary known has a million functions in one module; 16 million would need 128 MB of table alone. */
const MAX_FUNCTIONS = 16_000_000;

/** What follows `_func.nameOff`, by format. All fields are u32 but the last word's bytes. */
interface FuncShape {
  /** Bytes of the entry that precedes nameOff. */
  readonly entryBytes: number;
  readonly hasCuOffset: boolean;
  readonly hasStartLine: boolean;
}
const SHAPES: Readonly<Record<PclntabFormat, FuncShape>> = {
  "1.2": { entryBytes: 8, hasCuOffset: false, hasStartLine: false },
  "1.16": { entryBytes: 8, hasCuOffset: true, hasStartLine: false },
  "1.18": { entryBytes: 4, hasCuOffset: true, hasStartLine: false },
  "1.20": { entryBytes: 4, hasCuOffset: true, hasStartLine: true },
};

/** A pc-value table of one function, for many questions. */
export class PcRuns {
  readonly #start: number;
  /** First address after each run, ascending. */
  readonly ends: readonly number[];
  readonly #values: readonly number[];

  constructor(start: number, ends: readonly number[], values: readonly number[]) {
    this.#start = start;
    this.ends = ends;
    this.#values = values;
  }

  at(address: number): number | undefined {
    if (address < this.#start) return undefined;
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ends[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return this.#values[low];
  }

  /** First address with a value; undefined where none has it. */
  addressOf(value: number): number | undefined {
    const run = this.#values.indexOf(value);
    return run < 0 ? undefined : run === 0 ? this.#start : this.ends[run - 1];
  }
}

export class Pclntab {
  readonly bytes: Uint8Array;
  readonly format: PclntabFormat;
  readonly count: number;
  readonly quantum: number;
  /** textStart of the header; 0 since Go 1.26 and unrelocated in some PIEs, hence only a hint. */
  readonly headerTextStart: number;
  /** Added to every entry: the text base from 1.18 on, 0 before (entries are addresses). Set once it is known. */
  textStart = 0;
  readonly names: Uint8Array;
  readonly #view: DataView;
  readonly #shape: FuncShape;
  readonly #fileCount: number;
  readonly #cuOffset: number;
  readonly #fileOffset: number;
  readonly #pcOffset: number;
  readonly #functabOffset: number;
  readonly #wide: boolean;
  readonly #files = new Map<number, string>();

  /** `headerOnly`: the bytes may end after the header; only its fields are asked for. */
  constructor(bytes: Uint8Array, headerOnly = false) {
    const header = new Reader(bytes);
    const format = MAGIC[header.u32()];
    if (format === undefined) throw new DamagedError("the function table has no known magic number");
    header.skip(2);
    this.quantum = header.u8();
    const pointerSize = header.u8();
    if ((this.quantum !== 1 && this.quantum !== 4) || pointerSize !== 8)
      throw new DamagedError(`the function table has quantum ${this.quantum} and pointer size ${pointerSize}`);
    this.bytes = bytes;
    this.format = format;
    this.#shape = SHAPES[format];
    this.#wide = this.#shape.entryBytes === 8;
    this.#view = header.view;
    this.count = header.u64();
    if (this.count > MAX_FUNCTIONS) throw new DamagedError(`the function table claims ${this.count} functions`);
    if (format === "1.2") {
      this.headerTextStart = 0;
      this.#functabOffset = 16;
      this.#cuOffset = 0;
      this.#pcOffset = 0;
      this.names = bytes;
      if (headerOnly) {
        this.#fileOffset = 0;
        this.#fileCount = 0;
        return;
      }
      const files = new Reader(bytes, 16 + (this.count * 2 + 1) * 8);
      this.#fileOffset = files.u32();
      this.#fileCount = new Reader(bytes, this.#fileOffset).u32();
      return;
    }
    this.#fileCount = header.u64();
    this.headerTextStart = this.#wide ? 0 : Number(header.big64() & 0x1f_ffff_ffff_ffffn);
    const names = header.u64();
    this.#cuOffset = header.u64();
    this.#fileOffset = header.u64();
    this.#pcOffset = header.u64();
    this.#functabOffset = header.u64();
    if (!(names <= this.#cuOffset && this.#cuOffset <= this.#fileOffset && this.#fileOffset <= this.#pcOffset))
      throw new DamagedError("the function table's parts are out of order");
    this.names = bytes.subarray(names, this.#cuOffset);
    // The end entry must be there too.
    if (headerOnly) return;
    new Reader(bytes, this.#functabOffset).need((this.count * 2 + 1) * (this.#wide ? 8 : 4));
  }

  /** Entries and funcdata are addresses (relocated in a PIE), not offsets. */
  get hasPointers(): boolean {
    return this.#wide;
  }

  get functabOffset(): number {
    return this.#functabOffset;
  }

  /** Bytes from the text base (an address before 1.18); index `count` gives the end of the last function. */
  entryOffset(index: number): number {
    if (this.#wide) return this.#wide64(this.#functabOffset + index * 16);
    return this.#view.getUint32(this.#functabOffset + index * 8, true);
  }

  entry(index: number): number {
    return this.textStart + this.entryOffset(index);
  }

  /** Index of the function whose table range holds the address; -1 outside. */
  indexOf(address: number): number {
    let low = 0;
    let high = this.count;
    if (this.count === 0 || address < this.entry(0) || address >= this.entry(this.count)) return -1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.entry(middle) <= address) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Whether the table's entry leads to the record of this very function: each record repeats its function's entry. */
  leadsToRecord(index: number): boolean {
    const start = this.#functionStart(index);
    return (this.#wide ? this.#wide64(start) : this.#at(start)) === this.entryOffset(index);
  }

  nameOffset(index: number): number {
    return this.#field(index, 0);
  }

  name(index: number): string {
    const offset = this.nameOffset(index);
    this.#checkStart(this.names, offset);
    return this.nameAt(offset) ?? "";
  }

  /** FNV-1a over the name's bytes: tells most names apart without making a string of each. */
  nameHash(index: number): number {
    const { names } = this;
    let hash = 0x811c9dc5;
    for (let at = this.nameOffset(index); at < names.length; at++) {
      const byte = names[at]!;
      if (byte === 0) break;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    return hash >>> 0;
  }

  nameAt(offset: number): string | undefined {
    return textAt(this.names, offset);
  }

  /** `_func.args`: bytes of arguments (with the spill area); since 1.17 without results for register functions. */
  argsSize(index: number): number {
    return this.#field(index, 4) | 0;
  }

  /** Line of the `func` keyword; undefined before 1.20. */
  startLine(index: number): number | undefined {
    return this.#shape.hasStartLine ? this.#field(index, 32) : undefined;
  }

  /** No stack, file and line tables: C code that Go's linker took in. Everything from Go's tools has them. */
  hasNoTables(index: number): boolean {
    return this.#field(index, 12) === 0 && this.#field(index, 16) === 0 && this.#field(index, 20) === 0;
  }

  /** runtime.funcID; its numbers differ between versions. */
  funcId(index: number): number {
    return this.#tail(index, 0);
  }

  flags(index: number): number {
    return this.#shape.hasCuOffset ? this.#tail(index, 1) : 0;
  }

  /** First address after the function's instructions: where its pc-value tables end; padding is not counted. */
  end(index: number): number {
    const entry = this.entry(index);
    const limit = this.entry(index + 1);
    let end = entry;
    this.#eachValue(this.#field(index, 16), index, (_value, until) => {
      end = until;
      return true;
    });
    return end > entry && end <= limit ? end : Math.max(entry, limit);
  }

  /** Whether entries ascend, on which every search relies. */
  isSorted(): boolean {
    for (let index = 0; index < this.count; index++)
      if (this.entryOffset(index) > this.entryOffset(index + 1)) return false;
    return true;
  }

  /** File of the instruction at `address` inside function `index`, inlined callees' files included. */
  file(index: number, address: number): string {
    const number = this.#valueAt(this.#field(index, 16), index, address);
    return number === undefined ? "" : this.fileName(index, number);
  }

  line(index: number, address: number): number {
    return this.#valueAt(this.#field(index, 20), index, address) ?? 0;
  }

  /** PCDATA table `table` at an address; -1 where there is none. */
  pcdata(index: number, table: number, address: number): number {
    if (table >= this.#field(index, 24)) return -1;
    const offset = this.#at(this.#pcdataStart(index) + table * 4);
    return offset === 0 ? -1 : (this.#valueAt(offset, index, address) ?? -1);
  }

  /** Largest value of a PCDATA table; -1 where there is none. */
  pcdataMax(index: number, table: number): number {
    if (table >= this.#field(index, 24)) return -1;
    const offset = this.#at(this.#pcdataStart(index) + table * 4);
    let max = -1;
    if (offset !== 0)
      this.#eachValue(offset, index, (value) => {
        if (value > max) max = value;
        return true;
      });
    return max;
  }

  /** All runs of a PCDATA table; undefined where the function has none. */
  pcdataRuns(index: number, table: number): PcRuns | undefined {
    if (table >= this.#field(index, 24)) return undefined;
    const offset = this.#at(this.#pcdataStart(index) + table * 4);
    return offset === 0 ? undefined : this.#runs(offset, index);
  }

  /** Bytes by which RSP stands below the return address, by address. */
  stackRuns(index: number): PcRuns {
    return this.#runs(this.#field(index, 12), index);
  }

  /** Bytes by which RSP stands below the return address, at one address. */
  stackAt(index: number, address: number): number | undefined {
    return this.#valueAt(this.#field(index, 12), index, address);
  }

  lineRuns(index: number): PcRuns {
    return this.#runs(this.#field(index, 20), index);
  }

  /** Numbers that `fileName` understands. */
  fileRuns(index: number): PcRuns {
    return this.#runs(this.#field(index, 16), index);
  }

  /** FUNCDATA entry: an offset from `gofunc` since 1.18, before that the bytes' place of a pointer (see `wide`). */
  funcdata(index: number, table: number): { offset: number } | { pointerAt: number } | undefined {
    if (table >= this.#tail(index, 3)) return undefined;
    let start = this.#pcdataStart(index) + this.#field(index, 24) * 4;
    if (!this.#wide) {
      const offset = this.#at(start + table * 4);
      return offset === 0xffffffff ? undefined : { offset };
    }
    start = (start + 7) & ~7;
    return { pointerAt: start + table * 8 };
  }

  /** A pointer inside the table (funcdata before 1.18). */
  pointer(offset: number): number {
    return this.#wide64(offset);
  }

  /** Offsets in the name table of exactly this name. */
  nameOffsets(name: string): number[] {
    const table = Buffer.from(this.names.buffer, this.names.byteOffset, this.names.byteLength);
    const wanted = Buffer.from(`${name}\0`);
    const offsets: number[] = [];
    for (let at = table.indexOf(wanted); at >= 0; at = table.indexOf(wanted, at + 1))
      if (at === 0 || table[at - 1] === 0 || this.format === "1.2") offsets.push(at);
    return offsets;
  }

  /** Names of the functions, inlined or not, whose own name with `suffix` behind it is in the table, too. */
  namesWith(suffix: string): Set<string> {
    const table = Buffer.from(this.names.buffer, this.names.byteOffset, this.names.byteLength);
    const wanted = Buffer.from(`${suffix}\0`);
    const names = new Set<string>();
    for (let at = table.indexOf(wanted); at >= 0; at = table.indexOf(wanted, at + 1))
      names.add(table.toString("utf8", at === 0 ? 0 : table.lastIndexOf(0, at - 1) + 1, at));
    return names;
  }

  indexesNamed(offsets: readonly number[]): number[] {
    const wanted = new Set(offsets);
    const indexes: number[] = [];
    if (wanted.size > 0) for (let i = 0; i < this.count; i++) if (wanted.has(this.nameOffset(i))) indexes.push(i);
    return indexes;
  }

  #functionStart(index: number): number {
    const at = this.#functabOffset + index * (this.#wide ? 16 : 8);
    if (this.#wide) return this.#wide64(at + 8) + (this.format === "1.2" ? 0 : this.#functabOffset);
    return this.#functabOffset + this.#view.getUint32(at + 4, true);
  }

  #field(index: number, offset: number): number {
    return this.#at(this.#functionStart(index) + this.#shape.entryBytes + offset);
  }

  /** One byte of {funcID, flag, pad, nfuncdata}. */
  #tail(index: number, offset: number): number {
    const fixed = 28 + (this.#shape.hasCuOffset ? 4 : 0) + (this.#shape.hasStartLine ? 4 : 0);
    const at = this.#functionStart(index) + this.#shape.entryBytes + fixed + offset;
    if (at >= this.bytes.length) throw new DamagedError("the function table ends inside a function");
    return this.bytes[at]!;
  }

  #pcdataStart(index: number): number {
    const fixed = 32 + (this.#shape.hasCuOffset ? 4 : 0) + (this.#shape.hasStartLine ? 4 : 0);
    return this.#functionStart(index) + this.#shape.entryBytes + fixed;
  }

  #at(offset: number): number {
    if (!(offset >= 0 && offset + 4 <= this.bytes.length))
      throw new DamagedError(`the function table has no byte ${offset}`);
    return this.#view.getUint32(offset, true);
  }

  #wide64(offset: number): number {
    return this.#at(offset) + (this.#at(offset + 4) & 0x1f_ffff) * 0x1_0000_0000;
  }

  /** `number`: as the tables of function `index` have it. */
  fileName(index: number, number: number): string {
    let offset: number;
    if (this.format === "1.2") {
      if (number <= 0 || number >= this.#fileCount) return "";
      offset = this.#at(this.#fileOffset + number * 4);
    } else {
      if (number < 0) return "";
      offset = this.#at(this.#cuOffset + (this.#field(index, 28) + number) * 4);
      if (offset === 0xffffffff) return "";
      offset += this.#fileOffset;
      this.#checkStart(this.bytes, offset);
    }
    let name = this.#files.get(offset);
    if (name === undefined) {
      name = textAt(this.bytes, offset) ?? "";
      this.#files.set(offset, name);
    }
    return name;
  }

  /** Since 1.16 texts stand one behind the other, each ended by a NUL: an offset into the middle of one is damaged. */
  #checkStart(texts: Uint8Array, offset: number): void {
    if (this.format !== "1.2" && offset > 0 && texts[offset - 1] !== 0)
      throw new DamagedError(`no name or path begins at byte ${offset} of the function table`);
  }

  #valueAt(table: number, index: number, address: number): number | undefined {
    if (table === 0) return undefined;
    let found: number | undefined;
    this.#eachValue(table, index, (value, until) => {
      if (address >= until) return true;
      found = value;
      return false;
    });
    return found;
  }

  #runs(table: number, index: number): PcRuns {
    const ends: number[] = [];
    const values: number[] = [];
    this.#eachValue(table, index, (value, until) => {
      ends.push(until);
      values.push(value);
      return true;
    });
    return new PcRuns(this.entry(index), ends, values);
  }

  /**
   * Runs of one value: `until` is the first address after the run. Stops when `visit` returns false. Decodes in place:
   * this loop runs several times for each of 100 000 functions.
   */
  #eachValue(table: number, index: number, visit: (value: number, until: number) => boolean): void {
    if (table === 0) return;
    const bytes = this.bytes;
    let at = this.#pcOffset + table;
    let value = -1;
    let address = this.entry(index);
    // Each run is at least one instruction long, so all tables together cannot take longer than the code is.
    const steps = Math.max(0, this.entry(index + 1) - address) + 1;
    for (let step = 0; step <= steps; step++) {
      let zigzag = 0;
      let delta = 0;
      for (let part = 0; part < 2; part++) {
        let number = 0;
        let scale = 1;
        for (;;) {
          const byte = bytes[at++];
          if (byte === undefined || scale > 2 ** 35)
            throw new DamagedError("a line table of the function table is damaged");
          number += (byte & 0x7f) * scale;
          if (byte < 0x80) break;
          scale *= 128;
        }
        if (part === 0) zigzag = number;
        else delta = number;
        if (part === 0 && zigzag === 0 && step > 0) return;
      }
      value += zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
      address += delta * this.quantum;
      if (!visit(value, address)) return;
    }
    throw new DamagedError("a line table of the function table has no end");
  }
}
