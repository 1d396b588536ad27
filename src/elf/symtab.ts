/**
 * ELF `.symtab`: where it is there it holds full names (generic instances that pclntab shows as `[...]`, `.abi0`
 * marks) and C functions, which pclntab does not know. Read in place: 24 bytes a symbol, no object each.
 */
import { textAt } from "../bytes/reader.ts";
import type { Sections } from "./sections.ts";

const SYMBOL_BYTES = 24;
/** Occurrences of one name's bytes in the string table that are looked at: short names end many long ones. */
const MAX_NAME_HITS = 100_000;
const WALKS_BEFORE_SORTING = 20;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
/** STT_GNU_IFUNC: a C function chosen at load time. */
const STT_IFUNC = 10;

export interface CodeSymbol {
  readonly name: string;
  readonly address: number;
  /** Bytes; 0 where the linker did not say. */
  readonly size: number;
}

export class SymbolTable {
  readonly #symbols: Uint8Array;
  readonly #view: DataView;
  readonly #strings: Uint8Array;
  readonly #count: number;
  /** Symbol indexes of code, sorted by address. */
  #order: Uint32Array | undefined;
  #walks = 0;
  readonly #isCode: (address: number) => boolean;

  static async load(sections: Sections, isCode: (address: number) => boolean): Promise<SymbolTable | undefined> {
    if (sections.find(".symtab") === undefined || sections.find(".strtab") === undefined) return undefined;
    const symbols = await sections.load(".symtab");
    const strings = await sections.load(".strtab");
    return symbols === undefined || strings === undefined ? undefined : new SymbolTable(symbols, strings, isCode);
  }

  constructor(symbols: Uint8Array, strings: Uint8Array, isCode: (address: number) => boolean) {
    this.#symbols = symbols;
    this.#view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
    this.#strings = strings;
    this.#count = Math.floor(symbols.length / SYMBOL_BYTES);
    this.#isCode = isCode;
  }

  /** Every code symbol at an address (aliases are possible). */
  at(address: number): CodeSymbol[] {
    // Sorting takes as long as some hundred walks over the table: not for the first few questions.
    if (this.#order === undefined && ++this.#walks <= WALKS_BEFORE_SORTING) return this.#walk(address);
    const order = this.#sorted();
    const found: CodeSymbol[] = [];
    for (let i = this.#lowerBound(address); i < order.length && this.#address(order[i]!) === address; i++)
      found.push(this.#symbol(order[i]!));
    return found;
  }

  /** The symbol whose bytes hold an address. */
  before(address: number): CodeSymbol | undefined {
    const order = this.#sorted();
    let position = this.#lowerBound(address + 1) - 1;
    for (let tries = 0; position >= 0 && tries < 16; tries++, position--) {
      const symbol = this.#symbol(order[position]!);
      if (symbol.address === address || address < symbol.address + symbol.size) return symbol;
    }
    return undefined;
  }

  /** All code symbols by address. */
  *code(): Iterable<CodeSymbol> {
    for (const index of this.#sorted()) yield this.#symbol(index);
  }

  /** Addresses of code symbols with exactly this name. */
  named(name: string): number[] {
    return this.#find(name).filter((address) => this.#isCode(address));
  }

  /** Address of any symbol (data too) with this name. */
  address(name: string): number | undefined {
    return this.#find(name)[0];
  }

  #find(name: string): number[] {
    const offsets = new Set<number>();
    const table = Buffer.from(this.#strings.buffer, this.#strings.byteOffset, this.#strings.byteLength);
    const wanted = Buffer.from(`${name}\0`);
    // Linkers share tails ("foo" inside "barfoo"), so a match needs no NUL before it.
    for (let at = table.indexOf(wanted); at >= 0 && offsets.size < MAX_NAME_HITS; at = table.indexOf(wanted, at + 1))
      offsets.add(at);
    const found: number[] = [];
    if (offsets.size > 0)
      for (let i = 0; i < this.#count; i++)
        if (offsets.has(this.#view.getUint32(i * SYMBOL_BYTES, true)) && this.#defined(i)) found.push(this.#address(i));
    return found;
  }

  #walk(address: number): CodeSymbol[] {
    const found: CodeSymbol[] = [];
    for (let i = 0; i < this.#count; i++)
      if (this.#address(i) === address && this.#isCodeSymbol(i)) found.push(this.#symbol(i));
    return found;
  }

  #isCodeSymbol(index: number): boolean {
    const type = this.#symbols[index * SYMBOL_BYTES + 4]! & 0xf;
    if (type !== STT_FUNC && type !== STT_NOTYPE && type !== STT_IFUNC) return false;
    return this.#defined(index) && this.#isCode(this.#address(index));
  }

  #sorted(): Uint32Array {
    if (this.#order !== undefined) return this.#order;
    const picked: number[] = [];
    for (let i = 0; i < this.#count; i++) if (this.#isCodeSymbol(i)) picked.push(i);
    const addresses = Float64Array.from(picked, (index) => this.#address(index));
    const order = Uint32Array.from(picked.keys()).sort((a, b) => addresses[a]! - addresses[b]!);
    this.#order = Uint32Array.from(order, (position) => picked[position]!);
    return this.#order;
  }

  #lowerBound(address: number): number {
    const order = this.#sorted();
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#address(order[middle]!) < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #defined(index: number): boolean {
    return this.#view.getUint16(index * SYMBOL_BYTES + 6, true) !== 0;
  }

  #address(index: number): number {
    const at = index * SYMBOL_BYTES + 8;
    return this.#view.getUint32(at, true) + (this.#view.getUint32(at + 4, true) & 0x1f_ffff) * 0x1_0000_0000;
  }

  #symbol(index: number): CodeSymbol {
    const at = index * SYMBOL_BYTES;
    return {
      name: textAt(this.#strings, this.#view.getUint32(at, true)) ?? "",
      address: this.#address(index),
      size: this.#view.getUint32(at + 16, true),
    };
  }
}
