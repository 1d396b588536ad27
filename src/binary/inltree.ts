/**
 * Inline trees (FUNCDATA_InlTree with PCDATA_InlTreeIndex): which calls were inlined into a function, and from where.
 * Records: Go ≤ 1.19 {parent i16, funcID u8, pad, file, line, func, parentPc i32}; since 1.20 {funcID u8, pad[3], func,
 * parentPc, startLine i32} (runtime/symtab.go `inlinedCall`, runtime/symtabinl.go).
 */
import type { Memory } from "./memory.ts";
import type { Moduledata } from "./moduledata.ts";
import { PCDATA_INLINE_TREE_INDEX, type Pclntab } from "./pclntab.ts";

export interface InlinedCall {
  readonly name: string;
  /** Address of an instruction of the caller that stands for the call. */
  readonly parentAddress: number;
  /** Line of the callee's `func` keyword; undefined before 1.20. */
  readonly startLine: number | undefined;
}

/** Inlined calls believed in one function: package initialisers reach some ten thousand. */
const MAX_INLINED_CALLS = 1 << 20;
/** Depth of inlining: the compiler's budget of 80 nodes keeps real ones below 30. */
const MAX_DEPTH = 200;

export class InlineTrees {
  readonly #pclntab: Pclntab;
  readonly #memory: Memory;
  readonly #gofunc: number | undefined;
  readonly #table: number;

  constructor(pclntab: Pclntab, memory: Memory, moduledata: Moduledata | undefined) {
    this.#pclntab = pclntab;
    this.#memory = memory;
    this.#gofunc = moduledata?.gofunc;
    // Until 1.15 FUNCDATA_RegPointerMaps stood at 2 and pushed the inline tree to 4.
    this.#table = pclntab.format === "1.2" ? 4 : 3;
  }

  /** The innermost inlined call that an instruction belongs to; undefined where it is the function's own. */
  async innermost(index: number, address: number): Promise<InlinedCall | undefined> {
    const call = this.#pclntab.pcdata(index, PCDATA_INLINE_TREE_INDEX, address);
    return call < 0 ? undefined : this.#call(index, call);
  }

  /** The function's own instruction that stands for the place where everything around `address` was inlined. */
  async ownAddress(index: number, address: number): Promise<number> {
    let at = address;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const call = await this.innermost(index, at);
      if (call === undefined) return at;
      at = call.parentAddress;
    }
    return address;
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

  /** For each inlined call of the function, in address order: the instruction of the caller that stands for the call. */
  async callAddresses(name: string): Promise<number[]> {
    const wanted = new Set(this.#pclntab.nameOffsets(name));
    const found: number[] = [];
    if (wanted.size === 0) return found;
    await this.#eachRecord(({ nameOffset, parentPc, index }) => {
      if (wanted.has(nameOffset)) found.push(this.#pclntab.entry(index) + parentPc);
    });
    return found.sort((a, b) => a - b);
  }

  async #eachRecord(visit: (record: { nameOffset: number; parentPc: number; index: number }) => void): Promise<void> {
    const modern = this.#pclntab.format === "1.20";
    const size = modern ? 16 : 20;
    for (let index = 0; index < this.#pclntab.count; index++) {
      const tree = this.#treeAddress(index);
      const calls = tree === undefined ? 0 : this.#pclntab.pcdataMax(index, PCDATA_INLINE_TREE_INDEX) + 1;
      if (tree === undefined || calls === 0 || calls > MAX_INLINED_CALLS) continue;
      const bytes = await this.#memory.read(tree, calls * size);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let at = 0; at < bytes.length; at += size) {
        const nameOffset = view.getInt32(at + (modern ? 4 : 12), true);
        visit({ nameOffset, parentPc: view.getInt32(at + (modern ? 8 : 16), true), index });
      }
    }
  }

  async #call(index: number, call: number): Promise<InlinedCall | undefined> {
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
    };
  }

  #treeAddress(index: number): number | undefined {
    return funcdataAddress(this.#pclntab, this.#gofunc, index, this.#table);
  }
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
