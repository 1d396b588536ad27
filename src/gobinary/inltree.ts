/**
 * Inline trees (FUNCDATA_InlTree with PCDATA_InlTreeIndex): which calls were inlined into a function, and from where.
 * Records: Go ≤ 1.19 {parent i16, funcID u8, pad, file, line, func, parentPc i32}; since 1.20 {funcID u8, pad[3], func,
 * parentPc, startLine i32} (runtime/symtab.go `inlinedCall`, runtime/symtabinl.go).
 */

import { DamagedError } from "../bytes/reader.ts";
import type { Memory } from "../elf/memory.ts";
import type { InlineMap } from "./api.ts";
import type { Moduledata } from "./moduledata.ts";
import { PCDATA_INLINE_TREE_INDEX, type Pclntab } from "./pclntab.ts";

export interface InlinedFrame {
  readonly name: string;
  /** Address of an instruction of the caller that stands for the call. */
  readonly parentAddress: number;
  /** Line of the callee's `func` keyword; undefined before 1.20. */
  readonly startLine: number | undefined;
  /** The callee's runtime.funcID. */
  readonly funcId: number;
}

/** One call that was inlined. */
export interface InlineRecord {
  /** Of the function around it, in the pclntab. */
  readonly index: number;
  /** Number of the call in that function's inline tree. */
  readonly record: number;
  /** Address of the instruction of the caller that stands for the call. */
  readonly mark: number;
}

interface RawRecord {
  readonly nameOffset: number;
  readonly parentPc: number;
  readonly index: number;
  readonly record: number;
}

/** Inlined calls believed in one function: package initialisers reach some ten thousand. */
const MAX_INLINED_CALLS = 1 << 20;
/** One function's calls are found in less time and memory than all functions' are indexed. */
const QUESTIONS_BEFORE_INDEX = 4;
/** All inline trees of a 136 MB program take 10 MB; where they lie farther apart, each is read by itself. */
const MAX_TREES_BYTES = 256 << 20;
const SCAN_BYTES = 1 << 20;
/** Depth of inlining: the compiler's budget of 80 nodes keeps real ones below 30. */
export const MAX_INLINE_DEPTH = 200;

export class InlineTrees {
  readonly #pclntab: Pclntab;
  readonly #memory: Memory;
  readonly #gofunc: number | undefined;
  readonly #table: number;
  #questions = 0;
  #trees: { tree: number; index: number }[] | undefined;
  #byName: Promise<Map<string, InlineRecord[]>> | undefined;

  constructor(pclntab: Pclntab, memory: Memory, moduledata: Moduledata | undefined) {
    this.#pclntab = pclntab;
    this.#memory = memory;
    this.#gofunc = moduledata?.gofunc;
    // Until 1.15 FUNCDATA_RegPointerMaps stood at 2 and pushed the inline tree to 4.
    this.#table = pclntab.format === "1.2" ? 4 : 3;
  }

  /** The innermost inlined call that an instruction belongs to; undefined where it is the function's own. */
  async innermost(index: number, address: number): Promise<InlinedFrame | undefined> {
    const call = this.#pclntab.pcdata(index, PCDATA_INLINE_TREE_INDEX, address);
    return call < 0 ? undefined : this.#call(index, call);
  }

  /** The function's own instruction that stands for the place where everything around `address` was inlined. */
  async ownAddress(index: number, address: number): Promise<number> {
    let at = address;
    for (let depth = 0; depth < MAX_INLINE_DEPTH; depth++) {
      const call = await this.innermost(index, at);
      if (call === undefined) return at;
      at = call.parentAddress;
    }
    return address;
  }

  /** The calls that an instruction belongs to, the innermost first; each stands at the one before's `parentAddress`. */
  async callsAround(index: number, address: number): Promise<InlinedFrame[]> {
    const calls: InlinedFrame[] = [];
    let at = address;
    while (calls.length < MAX_INLINE_DEPTH) {
      const call = await this.innermost(index, at);
      if (call === undefined) return calls;
      calls.push(call);
      at = call.parentAddress;
    }
    throw new DamagedError(`calls are inlined ${MAX_INLINE_DEPTH} deep`);
  }

  /** How often each function was inlined, over the whole program. One pass over every inline tree. */
  async countByName(): Promise<Map<string, number>> {
    const byOffset = new Map<number, number>();
    await this.#eachRecord(({ nameOffset }) => void byOffset.set(nameOffset, (byOffset.get(nameOffset) ?? 0) + 1));
    const byName = new Map<string, number>();
    for (const [offset, count] of byOffset) {
      const name = this.#pclntab.nameAt(offset);
      if (name !== undefined) byName.set(name, (byName.get(name) ?? 0) + count);
    }
    return byName;
  }

  /** The function's inlined calls, in address order. */
  async callsOf(name: string): Promise<InlineRecord[]> {
    if (++this.#questions > QUESTIONS_BEFORE_INDEX) {
      this.#byName ??= this.#indexByName();
      return (await this.#byName).get(name) ?? [];
    }
    const wanted = this.#pclntab.nameOffsets(name);
    if (wanted.length === 0) return [];
    const offsets = new Set(wanted);
    const found: InlineRecord[] = [];
    for (const index of await this.#mayHold(wanted)) {
      await this.#eachRecordOf(index, (raw) => {
        if (offsets.has(raw.nameOffset)) found.push(this.#recordOf(raw));
      });
    }
    return found.sort(byMark);
  }

  /** The linker's name of an inlined function. */
  async name(index: number, record: number): Promise<string | undefined> {
    return record < 0 ? undefined : (await this.#call(index, record))?.name;
  }

  /** Line of an inlined function's `func` keyword; undefined before 1.20. */
  async startLine(index: number, record: number): Promise<number | undefined> {
    return (await this.#call(index, record))?.startLine;
  }

  #recordOf({ index, record, parentPc }: RawRecord): InlineRecord {
    return { index, record, mark: this.#pclntab.entry(index) + parentPc };
  }

  /**
   * Functions whose inline tree may hold one of the names: the trees stand together, and looking for the four bytes of a
   * name's offset takes a tenth of the time that counting each function's records takes.
   */
  async #mayHold(nameOffsets: readonly number[]): Promise<Iterable<number>> {
    this.#trees ??= this.#sortedTrees();
    const trees = this.#trees;
    const [first, last] = [trees[0], trees.at(-1)];
    if (first === undefined || last === undefined || last.tree - first.tree > MAX_TREES_BYTES)
      return trees.map(({ index }) => index);
    const records = this.#pclntab.pcdataMax(last.index, PCDATA_INLINE_TREE_INDEX) + 1;
    const end = last.tree + Math.min(records, MAX_INLINED_CALLS) * this.#recordBytes;
    const found = new Set<number>();
    for (let at = first.tree; at < end; at += SCAN_BYTES) {
      // A chunk overlaps the next, so that no match is cut in two.
      const bytes = Buffer.from(await this.#memory.read(at, Math.min(SCAN_BYTES + 3, end - at)));
      for (const offset of nameOffsets) {
        const wanted = Buffer.alloc(4);
        wanted.writeUInt32LE(offset);
        for (let hit = bytes.indexOf(wanted); hit >= 0; hit = bytes.indexOf(wanted, hit + 1)) {
          let low = lastAtOrBefore(trees, at + hit);
          const tree = trees[low]?.tree;
          while (low >= 0 && trees[low]!.tree === tree) found.add(trees[low--]!.index);
        }
      }
    }
    return found;
  }

  #sortedTrees(): { tree: number; index: number }[] {
    const trees: { tree: number; index: number }[] = [];
    for (let index = 0; index < this.#pclntab.count; index++) {
      const tree = this.#treeAddress(index);
      if (tree !== undefined) trees.push({ tree, index });
    }
    return trees.sort((a, b) => a.tree - b.tree);
  }

  get #recordBytes(): number {
    return this.#pclntab.format === "1.20" ? 16 : 20;
  }

  async #indexByName(): Promise<Map<string, InlineRecord[]>> {
    const byOffset = new Map<number, InlineRecord[]>();
    await this.#eachRecord((raw) => {
      const known = byOffset.get(raw.nameOffset);
      if (known === undefined) byOffset.set(raw.nameOffset, [this.#recordOf(raw)]);
      else known.push(this.#recordOf(raw));
    });
    const byName = new Map<string, InlineRecord[]>();
    for (const [offset, records] of byOffset) {
      const name = this.#pclntab.nameAt(offset);
      if (name !== undefined) byName.set(name, [...(byName.get(name) ?? []), ...records]);
    }
    for (const records of byName.values()) records.sort(byMark);
    return byName;
  }

  /** Which instructions of a function belong to which call that was inlined into it. */
  async mapOf(index: number): Promise<InlineMap | undefined> {
    const records = this.#pclntab.pcdataRuns(index, PCDATA_INLINE_TREE_INDEX);
    if (records === undefined) return undefined;
    const marks: number[] = [];
    await this.#eachRecordOf(index, ({ parentPc }) => void marks.push(this.#pclntab.entry(index) + parentPc));
    const lines = this.#pclntab.lineRuns(index);
    const stack = this.#pclntab.stackRuns(index);
    return {
      marks,
      recordAt: (address) => records.at(address) ?? -1,
      addressIn: (record) => records.addressOf(record),
      lineAt: (address) => lines.at(address),
      stackAt: (address) => stack.at(address),
    };
  }

  async #eachRecord(visit: (record: RawRecord) => void): Promise<void> {
    for (let index = 0; index < this.#pclntab.count; index++) await this.#eachRecordOf(index, visit);
  }

  async #eachRecordOf(index: number, visit: (record: RawRecord) => void): Promise<void> {
    const tree = this.#treeAddress(index);
    const calls = tree === undefined ? 0 : this.#pclntab.pcdataMax(index, PCDATA_INLINE_TREE_INDEX) + 1;
    if (tree === undefined || calls === 0 || calls > MAX_INLINED_CALLS) return;
    const modern = this.#pclntab.format === "1.20";
    const size = this.#recordBytes;
    const bytes = await this.#memory.read(tree, calls * size);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let record = 0; record < calls; record++) {
      const at = record * size;
      const nameOffset = view.getInt32(at + (modern ? 4 : 12), true);
      visit({ nameOffset, parentPc: view.getInt32(at + (modern ? 8 : 16), true), index, record });
    }
  }

  async #call(index: number, call: number): Promise<InlinedFrame | undefined> {
    const tree = this.#treeAddress(index);
    if (tree === undefined) return undefined;
    const modern = this.#pclntab.format === "1.20";
    const bytes = await this.#memory.read(tree + call * (modern ? 16 : 20), modern ? 16 : 20);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const name = this.#pclntab.nameAt(view.getInt32(modern ? 4 : 12, true));
    const parent = view.getInt32(modern ? 8 : 16, true);
    if (name === undefined) return undefined;
    return {
      name,
      parentAddress: this.#pclntab.entry(index) + parent,
      startLine: modern ? view.getInt32(12, true) : undefined,
      funcId: view.getUint8(modern ? 0 : 2),
    };
  }

  #treeAddress(index: number): number | undefined {
    return funcdataAddress(this.#pclntab, this.#gofunc, index, this.#table);
  }
}

/** Index of the last tree that begins at or before an address; -1 where none does. */
function lastAtOrBefore(trees: readonly { readonly tree: number }[], address: number): number {
  let low = 0;
  let high = trees.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (trees[middle]!.tree <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Number of inlined calls that a call is in, itself included. */
export function depthOf(map: InlineMap, record: number): number {
  let depth = 0;
  for (let at = record; at >= 0 && depth < MAX_INLINE_DEPTH; depth++) at = map.recordAt(map.marks[at] ?? 0);
  return depth;
}

/** Address of a function's FUNCDATA table; undefined where it has none. */
export function funcdataAddress(
  pclntab: Pclntab,
  gofunc: number | undefined,
  index: number,
  table: number,
): number | undefined {
  const data = pclntab.funcdata(index, table);
  if (data === undefined) return undefined;
  if ("offset" in data) return gofunc === undefined ? undefined : gofunc + data.offset;
  const address = pclntab.pointer(data.pointerAt);
  return address === 0 ? undefined : address;
}

function byMark(a: InlineRecord, b: InlineRecord): number {
  return a.mark - b.mark;
}
