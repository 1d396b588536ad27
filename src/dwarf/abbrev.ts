/** Abbreviation tables (.debug_abbrev, DWARF 5 §7.5.3), parsed once per offset: Go's linker writes one for all units. */
import { DamagedError, Reader } from "../bytes/reader.ts";
import { FORM } from "./constants.ts";

export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  readonly attributes: readonly number[];
  readonly forms: readonly number[];
  /** Values of DW_FORM_implicit_const, by position. */
  readonly implicit: readonly number[];
}

/** Go has about 50 abbreviations, C compilers some hundred a unit. */
const MAX_ABBREVIATIONS = 100_000;
const MAX_ATTRIBUTES = 1000;

export class AbbreviationTables {
  readonly #bytes: Uint8Array;
  readonly #tables = new Map<number, readonly (Abbreviation | undefined)[]>();

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  at(offset: number): readonly (Abbreviation | undefined)[] {
    let table = this.#tables.get(offset);
    if (table === undefined) {
      table = parse(new Reader(this.#bytes, offset));
      this.#tables.set(offset, table);
    }
    return table;
  }
}

function parse(reader: Reader): (Abbreviation | undefined)[] {
  const table: (Abbreviation | undefined)[] = [];
  for (let count = 0; count < MAX_ABBREVIATIONS; count++) {
    const code = reader.uleb();
    if (code === 0) return table;
    if (code >= MAX_ABBREVIATIONS) throw new DamagedError(`abbreviation number ${code}`);
    const tag = reader.uleb();
    const hasChildren = reader.u8() !== 0;
    const attributes: number[] = [];
    const forms: number[] = [];
    const implicit: number[] = [];
    for (;;) {
      const attribute = reader.uleb();
      const form = reader.uleb();
      implicit.push(form === FORM.implicitConst ? reader.sleb() : 0);
      if (attribute === 0 && form === 0) break;
      if (attributes.length >= MAX_ATTRIBUTES) throw new DamagedError("an abbreviation with too many attributes");
      attributes.push(attribute);
      forms.push(form);
    }
    table[code] = { tag, hasChildren, attributes, forms, implicit };
  }
  throw new DamagedError("an abbreviation table without an end");
}
