/**
 * One pass over the DIEs of a unit that looks at a single attribute of a single tag: "where are all subprograms",
 * "what do all inlined calls point to". A large program has some million DIEs, of which Go gives none a DW_AT_sibling,
 * so each byte count of what is passed over is worked out once per abbreviation and nothing is allocated per DIE.
 */
import { DamagedError, type Reader } from "../bytes/reader.ts";
import type { Abbreviation, AbbreviationTables } from "./abbrev.ts";
import { FORM } from "./constants.ts";
import { skipForm } from "./forms.ts";
import type { Unit } from "./unit.ts";

/** Nesting of DIEs that is believed: lexical blocks and inlined calls of real programs stay below 200. */
const MAX_DEPTH = 2000;

/** Steps over a DIE's values: a positive number is that many bytes, the others are these. */
const LEB = -1;
const CSTRING = -2;
const BLOCK = -3;
/** The wanted attribute begins here. */
const MARK = -4;
/** Minus the form's number: rare forms are left to skipForm. */
const OTHER = -0x1_0000;

interface Skip {
  readonly steps: readonly number[];
  readonly hasChildren: boolean;
  /** Of the wanted attribute, where the tag is the wanted one and has it. */
  readonly form: number;
  readonly implicit: number;
}

/** `at`: of the DIE; `valueAt`: of the attribute's value, to be read by `form` (`implicit`: its implicit constant). */
export type ScanVisit = (at: number, valueAt: number, form: number, implicit: number) => void;

export class AttributeScan {
  readonly #reader: Reader;
  readonly #abbreviations: AbbreviationTables;
  readonly #tag: number;
  readonly #attribute: number;
  /** By abbreviation table and by what the unit's header says about sizes. */
  readonly #tables = new Map<string, (Skip | undefined)[]>();

  constructor(reader: Reader, abbreviations: AbbreviationTables, tag: number, attribute: number) {
    this.#reader = reader;
    this.#abbreviations = abbreviations;
    this.#tag = tag;
    this.#attribute = attribute;
  }

  /** Calls `visit` for each DIE of the tag that has the attribute, in file order. */
  run(unit: Unit, visit: ScanVisit): void {
    const info = this.#reader.bytes;
    const table = this.#table(unit);
    const end = unit.end;
    let depth = 0;
    let pos = unit.rootOffset;
    while (pos < end) {
      const start = pos;
      let code = info[pos++]!;
      if (code >= 0x80) {
        code = this.#reader.seek(start).uleb();
        pos = this.#reader.pos;
      }
      if (code === 0) {
        if (--depth <= 0) return;
        continue;
      }
      const skip = table[code];
      if (skip === undefined) throw new DamagedError(`abbreviation ${code} is not defined`);
      const { steps } = skip;
      let mark = -1;
      for (let i = 0; i < steps.length; i++) {
        const step = steps[i]!;
        if (step > 0) pos += step;
        // Comparisons with the undefined behind the last byte are false, so these loops end there.
        else if (step === LEB) while (info[pos++]! >= 0x80);
        else if (step === CSTRING) while (info[pos++]! > 0);
        else if (step === MARK) mark = pos;
        else {
          const reader = this.#reader.seek(pos);
          if (step === BLOCK) reader.skip(reader.uleb());
          else skipForm(reader, OTHER - step, unit);
          pos = reader.pos;
        }
      }
      if (pos > end) throw new DamagedError(`the DIE at ${start} reaches beyond its unit`);
      if (mark >= 0) visit(start, mark, skip.form, skip.implicit);
      if (skip.hasChildren && ++depth > MAX_DEPTH) throw new DamagedError("DIEs nest too deep");
      if (depth === 0) return;
    }
  }

  #table(unit: Unit): (Skip | undefined)[] {
    const key = `${unit.abbreviationsOffset} ${unit.offsetSize} ${unit.addressSize} ${unit.version <= 2}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      table = this.#abbreviations
        .at(unit.abbreviationsOffset)
        .map((abbreviation) => (abbreviation === undefined ? undefined : this.#compile(abbreviation, unit)));
      this.#tables.set(key, table);
    }
    return table;
  }

  #compile({ tag, hasChildren, attributes, forms, implicit }: Abbreviation, unit: Unit): Skip {
    const wanted = tag === this.#tag ? attributes.indexOf(this.#attribute) : -1;
    const steps: number[] = [];
    for (const [index, form] of forms.entries()) {
      if (index === wanted) steps.push(MARK);
      const step = stepOf(form, unit);
      if (step > 0 && (steps.at(-1) ?? 0) > 0) steps[steps.length - 1]! += step;
      else if (step !== 0) steps.push(step);
    }
    return { steps, hasChildren, form: forms[wanted] ?? 0, implicit: implicit[wanted] ?? 0 };
  }
}

/** Bytes of a value, or the step that finds them; 0 for values that stand in the abbreviation. */
function stepOf(form: number, unit: Unit): number {
  switch (form) {
    case FORM.flagPresent:
    case FORM.implicitConst:
      return 0;
    case FORM.data1:
    case FORM.flag:
      return 1;
    case FORM.data2:
      return 2;
    case FORM.data4:
    case FORM.ref4:
      return 4;
    case FORM.data8:
      return 8;
    case FORM.addr:
      return unit.addressSize;
    case FORM.strp:
    case FORM.lineStrp:
    case FORM.secOffset:
      return unit.offsetSize;
    case FORM.refAddr:
      return unit.version <= 2 ? unit.addressSize : unit.offsetSize;
    case FORM.sdata:
    case FORM.udata:
    case FORM.addrx:
    case FORM.strx:
      return LEB;
    case FORM.string:
      return CSTRING;
    case FORM.exprloc:
    case FORM.block:
      return BLOCK;
    default:
      return OTHER - form;
  }
}
