/** Debugging information entries: one at a time, or one attribute of many. */
import { DamagedError, Reader } from "../bytes/reader.ts";
import type { Abbreviation, AbbreviationTables } from "./abbrev.ts";
import { AttributeScan } from "./attributeScan.ts";
import { AT, FORM } from "./constants.ts";
import { type FormSections, type FormValue, readForm, skipForm } from "./forms.ts";
import type { Unit } from "./unit.ts";

/** Nesting of DIEs that is believed: lexical blocks and inlined calls of real programs stay below 200. */
const MAX_DEPTH = 2000;

export interface Die {
  readonly offset: number;
  readonly unit: Unit;
  readonly tag: number;
  readonly hasChildren: boolean;
  /** Offset of what follows: the first child, or the next sibling. */
  readonly next: number;
  readonly abbreviation: Abbreviation;
  readonly values: readonly FormValue[];
}

export class DieReader {
  readonly info: Uint8Array;
  readonly #abbreviations: AbbreviationTables;
  readonly #sections: FormSections;
  readonly #reader: Reader;

  constructor(info: Uint8Array, abbreviations: AbbreviationTables, sections: FormSections) {
    this.info = info;
    this.#abbreviations = abbreviations;
    this.#sections = sections;
    this.#reader = new Reader(info);
  }

  /** The DIE at an offset; undefined for the null entry that ends a list of children. */
  read(unit: Unit, offset: number): Die | undefined {
    if (offset < unit.rootOffset || offset >= unit.end) throw new DamagedError(`a DIE at ${offset}, outside its unit`);
    const reader = this.#reader.seek(offset);
    const code = reader.uleb();
    if (code === 0) return undefined;
    const abbreviation = this.#abbreviation(unit, code);
    const values: FormValue[] = [];
    for (let i = 0; i < abbreviation.forms.length; i++)
      values.push(readForm(reader, abbreviation.forms[i]!, unit, this.#sections, abbreviation.implicit[i]!));
    return {
      offset,
      unit,
      tag: abbreviation.tag,
      hasChildren: abbreviation.hasChildren,
      next: reader.pos,
      abbreviation,
      values,
    };
  }

  /** Section-offset attributes of a unit's root, without decoding the others. */
  bases(unit: Unit): Map<number, number> {
    const found = new Map<number, number>();
    const reader = this.#reader.seek(unit.rootOffset);
    const code = reader.uleb();
    if (code === 0) return found;
    const abbreviation = this.#abbreviation(unit, code);
    for (const [i, form] of abbreviation.forms.entries()) {
      if (form === FORM.secOffset) found.set(abbreviation.attributes[i]!, reader.uint(unit.offsetSize));
      else skipForm(reader, form, unit);
    }
    return found;
  }

  /** Direct children; nested ones are passed over. */
  children(die: Die): Die[] {
    const children: Die[] = [];
    if (!die.hasChildren) return children;
    let depth = 0;
    for (let at = die.next; at < die.unit.end; ) {
      if (depth > 0) {
        const passed = this.#pass(die.unit, at);
        at = passed.next;
        depth += passed.depth;
        if (depth > MAX_DEPTH) throw new DamagedError("DIEs nest too deep");
        continue;
      }
      const child = this.read(die.unit, at);
      if (child === undefined) break;
      children.push(child);
      if (children.length > MAX_CHILDREN) throw new DamagedError("a DIE with too many children");
      at = child.next;
      if (child.hasChildren) depth = 1;
    }
    return children;
  }

  /** Finds one attribute of all DIEs of one tag: see AttributeScan. */
  scanFor(tag: number, name: number): AttributeScan {
    return new AttributeScan(this.#reader, this.#abbreviations, tag, name);
  }

  /** A value that such a scan found. */
  valueAt(unit: Unit, at: number, form: number, implicit: number): FormValue {
    return readForm(this.#reader.seek(at), form, unit, this.#sections, implicit);
  }

  #pass(unit: Unit, offset: number): { next: number; depth: number } {
    const reader = this.#reader.seek(offset);
    const code = reader.uleb();
    if (code === 0) return { next: reader.pos, depth: -1 };
    const abbreviation = this.#abbreviation(unit, code);
    for (const form of abbreviation.forms) skipForm(reader, form, unit);
    return { next: reader.pos, depth: abbreviation.hasChildren ? 1 : 0 };
  }

  #abbreviation(unit: Unit, code: number): Abbreviation {
    const abbreviation = this.#abbreviations.at(unit.abbreviationsOffset)[code];
    if (abbreviation === undefined) throw new DamagedError(`abbreviation ${code} is not defined`);
    return abbreviation;
  }
}

/** A struct with a million fields, a function with a million variables: not from a Go compiler. */
const MAX_CHILDREN = 1_000_000;

export function attribute(die: Die, name: number): FormValue {
  const index = die.abbreviation.attributes.indexOf(name);
  return index < 0 ? undefined : die.values[index];
}

export function formOf(die: Die, name: number): number | undefined {
  const index = die.abbreviation.attributes.indexOf(name);
  return index < 0 ? undefined : die.abbreviation.forms[index];
}

export function numberOf(die: Die, name: number): number | undefined {
  const value = attribute(die, name);
  return typeof value === "number" ? value : undefined;
}

export function textOf(die: Die, name: number): string | undefined {
  const value = attribute(die, name);
  return typeof value === "string" ? value : undefined;
}

export function nameOf(die: Die): string {
  return textOf(die, AT.name) ?? "";
}
