/**
 * The runtime's own type descriptors (internal/abi/type.go, before 1.21 runtime/type.go): their strings are exactly
 * what `%T` prints, package names included, which DWARF only gives for packages that have code in the program.
 */

import { DamagedError, decodeText, Reader } from "../../bytes/reader.ts";
import type { Memory } from "../../elf/memory.ts";
import type { Moduledata } from "../moduledata.ts";

/** abi.Type: Size 0, PtrBytes 8, Hash 16, TFlag 20, Align 21, FieldAlign 22, Kind 23, Equal 24, GCData 32, Str 40. */
const TFLAG = 20;
const STR = 40;
const TYPE_BYTES = 48;
/** The string has a `*` before it, so that a type and its pointer can share it. */
const TFLAG_EXTRA_STAR = 2;
/** Since 1.17 a name's length is a varint, before that two bytes, high byte first. */
const VARINT_NAMES_SINCE = 17;
/** The largest program known (650 MB) has 60 MB of types; beyond that names come from DWARF alone. */
const MAX_TYPES_BYTES = 96 << 20;

export class RuntimeTypeNames {
  readonly #bytes: Uint8Array;
  readonly #varint: boolean;

  static async load(
    memory: Memory,
    moduledata: Moduledata | undefined,
    goMinor: number,
  ): Promise<RuntimeTypeNames | undefined> {
    if (moduledata === undefined) return undefined;
    const size = moduledata.etypes - moduledata.types;
    if (!(size > 0 && size <= MAX_TYPES_BYTES)) return undefined;
    try {
      return new RuntimeTypeNames(await memory.read(moduledata.types, size), goMinor >= VARINT_NAMES_SINCE);
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  }

  constructor(bytes: Uint8Array, varintNames: boolean) {
    this.#bytes = bytes;
    this.#varint = varintNames;
  }

  /** What `%T` prints for the type at an offset (DW_AT_go_runtime_type); undefined where there is none. */
  nameAt(offset: number): string | undefined {
    if (!(offset > 0 && offset + TYPE_BYTES <= this.#bytes.length)) return undefined;
    try {
      const type = new Reader(this.#bytes, offset + TFLAG);
      const star = (type.u8() & TFLAG_EXTRA_STAR) !== 0;
      // The byte before a name's text holds flags; its length follows.
      const name = new Reader(this.#bytes, new Reader(this.#bytes, offset + STR).u32() + 1);
      const length = this.#varint ? name.uleb() : name.u8() * 256 + name.u8();
      const text = decodeText(name.take(length));
      return star && text.startsWith("*") ? text.slice(1) : text;
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  }
}
