/** What the dynamic linker writes into the words of a position-independent file (System V ABI, `.rela.dyn`). */
import { Reader } from "../bytes/reader.ts";
import type { Sections } from "./sections.ts";

/** Elf64_Rela and Elf64_Sym. */
const RELA_BYTES = 24;
const SYMBOL_BYTES = 24;
/** 64 MiB of relocations is ten times what the largest known PIE has; there are fewer symbols than that. */
const MAX_TABLE_BYTES = 64 << 20;
/** `*(base + r_offset) = base + r_addend`: R_X86_64_RELATIVE, R_AARCH64_RELATIVE. */
const RELATIVE = new Set([8, 1027]);
/** `*(base + r_offset) = symbol + r_addend`: R_X86_64_64, R_AARCH64_ABS64. */
const SYMBOLIC = new Set([1, 257]);
/** Where a thread-local variable stands from the thread's base: R_X86_64_TPOFF64, R_AARCH64_TLS_TPREL. */
const THREAD_LOCAL = new Set([18, 1030]);
const SHN_UNDEF = 0;

export class Relocations {
  readonly #values = new Map<number, number>();
  /** The dynamic linker places thread-local variables: those of a library, where a program's own stand fixed. */
  placesThreadLocals = false;

  static async load(sections: Sections): Promise<Relocations> {
    const section = sections.find(".rela.dyn") ?? sections.find(".rela");
    const { source } = sections;
    if (section === undefined || section.size > MAX_TABLE_BYTES) return new Relocations(new Uint8Array(0));
    const relocations = new Relocations(await source.read(section.offset, section.size));
    const symbols = sections.find(".dynsym");
    if (relocations.#symbolic.length > 0 && symbols !== undefined && symbols.size <= MAX_TABLE_BYTES)
      relocations.#resolve(await source.read(symbols.offset, symbols.size));
    return relocations;
  }

  readonly #symbolic: { readonly place: number; readonly symbol: number; readonly addend: number }[] = [];

  private constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    while (reader.left >= RELA_BYTES) {
      const place = reader.u32() + reader.u32() * 0x1_0000_0000;
      const type = reader.u32();
      const symbol = reader.u32();
      const addend = reader.u32() + reader.u32() * 0x1_0000_0000;
      if (RELATIVE.has(type)) this.#values.set(place, addend);
      else if (THREAD_LOCAL.has(type)) this.placesThreadLocals = true;
      else if (SYMBOLIC.has(type)) this.#symbolic.push({ place, symbol, addend });
    }
  }

  /**
   * Words that name a symbol of the file itself. In a plugin nearly all of its types are: the dynamic linker takes the
   * host's where the host has one of that name, which is the same type, but the file's own is what can be read here.
   */
  #resolve(symbols: Uint8Array): void {
    const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
    for (const { place, symbol, addend } of this.#symbolic) {
      const at = symbol * SYMBOL_BYTES;
      if (at + SYMBOL_BYTES > symbols.length || view.getUint16(at + 6, true) === SHN_UNDEF) continue;
      const value = view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 0x1_0000_0000 + addend;
      if (Number.isSafeInteger(value)) this.#values.set(place, value);
    }
    this.#symbolic.length = 0;
  }

  valueAt(place: number): number | undefined {
    return this.#values.get(place);
  }

  /** A copy of `bytes` (at `address` in memory) with the relocations inside applied. */
  applied(bytes: Uint8Array, address: number): Uint8Array {
    const copy = new Uint8Array(bytes);
    const view = new DataView(copy.buffer);
    for (const [place, value] of this.#values) {
      const at = place - address;
      if (at >= 0 && at + 8 <= copy.length) view.setBigUint64(at, BigInt(value), true);
    }
    return copy;
  }

  *placesOf(isWanted: (value: number) => boolean): Iterable<number> {
    for (const [place, pointed] of this.#values) if (isWanted(pointed)) yield place;
  }
}
