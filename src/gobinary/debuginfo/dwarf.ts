/**
 * The DWARF of one Go binary, lazily: the unit list with its address ranges first, then only the unit of the function
 * that is asked for. Sections are loaded once, when first needed.
 */

import type { Arch } from "../../arch/arch.ts";
import { DamagedError } from "../../bytes/reader.ts";
import { AbbreviationTables } from "../../dwarf/abbrev.ts";
import type { AttributeScan } from "../../dwarf/attributeScan.ts";
import { AT, FORM, TAG } from "../../dwarf/constants.ts";
import { attribute, type Die, DieReader, formOf, numberOf, textOf } from "../../dwarf/die.ts";
import type { FormSections } from "../../dwarf/forms.ts";
import { firstLocation, locationAt } from "../../dwarf/loclist.ts";
import { type RangeSections, readRanges } from "../../dwarf/rnglist.ts";
import { readUnits, type Unit } from "../../dwarf/unit.ts";
import type { Sections } from "../../elf/sections.ts";
import { unescapeLinkName } from "../../goname/linkName.ts";
import { type InlinedSource, inlinedCount, inlinedCounts } from "./inlinedCount.ts";
import { type DieSource, TypeReader } from "./types.ts";

/** Units whose subprogram index is kept: a few hundred bytes to some hundred kilobytes each. */
const MAX_INDEXED_UNITS = 256;
/** Location lists of one function: some kilobytes. */
const WINDOW_BYTES = 64 << 10;
/** Functions asked for before the whole section is loaded. */
const MAX_WINDOWS = 3;

export class Dwarf implements DieSource {
  readonly arch: Arch;
  readonly runtimeName: (offset: number) => string | undefined;
  readonly types: TypeReader;
  readonly units: readonly Unit[];
  readonly #dies: DieReader;
  readonly #ranges: RangeSections;
  readonly #sections: Sections;
  readonly #addr: Uint8Array | undefined;
  #window: { section: string; start: number; end: number; bytes: Uint8Array } | undefined;
  #windows = 0;
  /** No string section: names stand in the DIEs, as Go writes them; C compilers share theirs. */
  readonly #allNamesInline: boolean;
  readonly #packages = new Map<string, string>();
  readonly #producers = new Map<Unit, string>();
  /** Address ranges of units, sorted by start. */
  #lows = new Float64Array(0);
  #highs = new Float64Array(0);
  #owners = new Uint32Array(0);
  readonly #indexes = new Map<Unit, Map<number, number>>();
  readonly #withVariables = new Map<Unit, boolean>();
  #subprogramScan: AttributeScan | undefined;
  /** Why a unit cannot be read, or where its code is, of the first such unit: what the others tell is known. */
  damage: string | undefined;

  static async load(
    sections: Sections,
    arch: Arch,
    runtimeName: (offset: number) => string | undefined,
  ): Promise<Dwarf | undefined> {
    const optional = (name: string): Promise<Uint8Array | undefined> =>
      sections.load(name).catch((error: unknown) => {
        if (error instanceof DamagedError) return undefined;
        throw error;
      });
    // All at once: unpacking runs on other threads.
    const [info, abbrev, str, lineStr, strOffsets, addr, ranges4, rnglists] = await Promise.all([
      sections.load(".debug_info"),
      sections.load(".debug_abbrev"),
      optional(".debug_str"),
      optional(".debug_line_str"),
      optional(".debug_str_offsets"),
      optional(".debug_addr"),
      optional(".debug_ranges"),
      optional(".debug_rnglists"),
    ]);
    if (info === undefined || abbrev === undefined) return undefined;
    const forms: FormSections = { str, lineStr, strOffsets, addr };
    const ranges = { ranges: ranges4, rnglists, addr };
    return new Dwarf(sections, arch, runtimeName, info, abbrev, forms, ranges);
  }

  private constructor(
    sections: Sections,
    arch: Arch,
    runtimeName: (offset: number) => string | undefined,
    info: Uint8Array,
    abbrev: Uint8Array,
    forms: FormSections,
    ranges: RangeSections,
  ) {
    this.#ranges = ranges;
    this.arch = arch;
    this.runtimeName = runtimeName;
    this.#sections = sections;
    this.#addr = forms.addr;
    this.#allNamesInline = forms.str === undefined && forms.lineStr === undefined;
    this.#dies = new DieReader(info, new AbbreviationTables(abbrev), forms);
    this.types = new TypeReader(this);
    this.units = readUnits(info);
    this.#indexUnits(ranges);
  }

  packageNames = (path: string): string | undefined =>
    this.#packages.get(unescapeLinkName(path)) ?? this.#packages.get(path);

  /** `Go cmd/compile go1.27.4; regabi` and such; C compilers name themselves. */
  producerAt(address: number): string | undefined {
    const unit = this.unitAt(address);
    return unit === undefined ? undefined : this.#producers.get(unit);
  }

  /** `go1.27.4`, of the compiler that made the first Go unit: one builds all of a program. */
  get goVersion(): string | undefined {
    for (const producer of this.#producers.values()) {
      const version = /^Go cmd\/compile ([^;]*)/.exec(producer)?.[1];
      if (version !== undefined) return version;
    }
    return undefined;
  }

  unitAt(address: number): Unit | undefined {
    let low = 0;
    let high = this.#lows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lows[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && address < this.#highs[low - 1]! ? this.units[this.#owners[low - 1]!] : undefined;
  }

  /** The unit that holds a DIE offset. */
  unitOf(offset: number): Unit | undefined {
    let low = 0;
    let high = this.units.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.units[middle]!.offset <= offset) low = middle + 1;
      else high = middle;
    }
    const unit = this.units[low - 1];
    return unit !== undefined && offset < unit.end ? unit : undefined;
  }

  dieAt(offset: number): Die | undefined {
    const unit = this.unitOf(offset);
    return unit === undefined || offset < unit.rootOffset ? undefined : this.#dies.read(unit, offset);
  }

  children(die: Die): Die[] {
    return this.#dies.children(die);
  }

  /** The concrete subprogram DIE whose code starts at an address. */
  subprogramAt(entry: number): Die | undefined {
    const unit = this.unitAt(entry);
    if (unit === undefined) return undefined;
    const offset = this.#subprograms(unit).get(entry);
    return offset === undefined ? undefined : this.dieAt(offset);
  }

  /** Whether any function of the unit around an address has parameters or results. */
  unitHasVariables(address: number): boolean {
    const unit = this.unitAt(address);
    if (unit === undefined) return false;
    const known = this.#withVariables.get(unit);
    if (known !== undefined) return known;
    let has = false;
    for (const offset of this.#subprograms(unit).values()) {
      const die = this.dieAt(offset);
      has = die !== undefined && this.children(die).some(({ tag }) => tag === TAG.formalParameter);
      if (has) break;
    }
    this.#withVariables.set(unit, has);
    return has;
  }

  /** Whether an inlined call's or block's code holds an address. */
  contains(die: Die, address: number): boolean {
    const list = numberOf(die, AT.ranges);
    if (list === undefined) {
      const low = numberOf(die, AT.lowPc);
      const high = numberOf(die, AT.highPc);
      if (low === undefined || high === undefined) return false;
      return address >= low && address < (formOf(die, AT.highPc) === FORM.addr ? high : low + high);
    }
    let found = false;
    readRanges(this.#ranges, die.unit, list, formOf(die, AT.ranges) ?? FORM.secOffset, (low, high) => {
      if (address >= low && address < high) found = true;
    });
    return found;
  }

  /** Address of DW_AT_low_pc, whatever its form. */
  lowPc(die: Die): number | undefined {
    return numberOf(die, AT.lowPc);
  }

  /** The expression that describes a variable at a PC; undefined where DWARF has none. */
  async locationAt(die: Die, pc: number): Promise<Uint8Array | undefined> {
    const value = attribute(die, AT.location);
    if (value instanceof Uint8Array) return value;
    if (typeof value !== "number") return undefined;
    const form = formOf(die, AT.location) ?? FORM.secOffset;
    const section = die.unit.version >= 5 ? "loclists" : "loc";
    if (form !== FORM.loclistx) {
      const expression = await this.#locationInWindow(die.unit, section, value, form, pc);
      if (expression !== "unknown") return expression;
    }
    const whole = await this.#sections.load(`.debug_${section}`);
    const lists = { loc: undefined, loclists: undefined, addr: this.#addr, [section]: whole };
    return locationAt(lists, die.unit, value, form, pc);
  }

  /** All of the section at once, for many questions. `first`: a variable's first place in the code's order. */
  async locationLists(): Promise<{ first(die: Die): ReturnType<typeof firstLocation> }> {
    const [loc, loclists] = await Promise.all([
      this.#sections.load(".debug_loc"),
      this.#sections.load(".debug_loclists"),
    ]);
    const lists = { loc, loclists, addr: this.#addr };
    return {
      first(die) {
        const value = attribute(die, AT.location);
        const form = formOf(die, AT.location) ?? FORM.secOffset;
        return typeof value === "number" ? firstLocation(lists, die.unit, value, form) : undefined;
      },
    };
  }

  /**
   * The first questions are answered from a small part of the section, which a packed file gives much sooner and with
   * less memory than all of it: the lists of one function's variables stand together. "unknown": load everything.
   */
  async #locationInWindow(
    unit: Unit,
    section: "loc" | "loclists",
    value: number,
    form: number,
    pc: number,
  ): Promise<Uint8Array | undefined | "unknown"> {
    let window = this.#window;
    if (window === undefined || window.section !== section || value < window.start || value >= window.end) {
      if (this.#windows >= MAX_WINDOWS) return "unknown";
      this.#windows++;
      const bytes = await this.#sections.window(`.debug_${section}`, value, WINDOW_BYTES);
      if (bytes === undefined) return undefined;
      window = { section, start: value, end: value + bytes.length, bytes };
      this.#window = window;
    }
    try {
      const lists = { loc: undefined, loclists: undefined, addr: this.#addr, [section]: window.bytes };
      return locationAt(lists, unit, value - window.start, form, pc);
    } catch (error) {
      // The list reaches beyond the window, or is damaged: the whole section tells.
      if (error instanceof DamagedError) return "unknown";
      throw error;
    }
  }

  /** What closures have captured, by entry address of their code (DW_AT_go_closure_offset, Go 1.23). */
  closures(): Map<number, Die[]> {
    const captured = new Map<number, Die[]>();
    const scan = this.#dies.scanFor(TAG.variable, AT.goClosureOffset);
    for (const unit of this.units) {
      const offsets: number[] = [];
      scan.run(unit, (at) => offsets.push(at));
      if (offsets.length === 0) continue;
      // A variable belongs to the subprogram that begins last before it.
      const entries = [...this.#subprograms(unit)].sort(([, a], [, b]) => a - b);
      let next = 0;
      for (const offset of offsets) {
        while (next < entries.length && entries[next]![1] < offset) next++;
        const entry = entries[next - 1]?.[0];
        const die = this.dieAt(offset);
        if (entry === undefined || die === undefined) continue;
        const known = captured.get(entry);
        if (known === undefined) captured.set(entry, [die]);
        else known.push(die);
      }
    }
    return captured;
  }

  /** Copies inlined into other functions, of all functions by the linker's name. */
  inlinedCounts(): Map<string, number> {
    return inlinedCounts(this.#inlinedSource());
  }

  /** The same of one function, much faster; undefined where only the whole count is exact (units of C compilers). */
  inlinedCount(name: string): number | undefined {
    return this.#allNamesInline ? inlinedCount(this.#inlinedSource(), name) : undefined;
  }

  #inlinedSource(): InlinedSource {
    return {
      units: this.units,
      dies: this.#dies,
      dieAt: (offset) => this.dieAt(offset),
      unitOf: (offset) => this.unitOf(offset),
    };
  }

  #subprograms(unit: Unit): Map<number, number> {
    let index = this.#indexes.get(unit);
    if (index === undefined) {
      index = new Map();
      const found = index;
      this.#subprogramScan ??= this.#dies.scanFor(TAG.subprogram, AT.lowPc);
      this.#subprogramScan.run(unit, (at, valueAt, form, implicit) => {
        const low = this.#dies.valueAt(unit, valueAt, form, implicit);
        if (typeof low === "number" && !found.has(low)) found.set(low, at);
      });
      if (this.#indexes.size >= MAX_INDEXED_UNITS) this.#indexes.delete(this.#indexes.keys().next().value!);
      this.#indexes.set(unit, index);
    }
    return index;
  }

  /** Whether any unit has code there. */
  hasCodeIn(from: number, to: number): boolean {
    return this.#lows.some((low, index) => low < to && this.#highs[index]! > from);
  }

  /** What is damaged is left out. */
  #unlessDamaged<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      this.damage ??= error.message;
      return undefined;
    }
  }

  #indexUnits(sections: RangeSections): void {
    const ranges: { low: number; high: number; owner: number }[] = [];
    for (const [owner, unit] of this.units.entries()) {
      const root = this.#unlessDamaged(() => this.#root(unit));
      if (root === undefined || root.tag !== TAG.compileUnit) continue;
      const producer = textOf(root, AT.producer);
      if (producer !== undefined) this.#producers.set(unit, producer);
      const path = textOf(root, AT.name);
      const name = textOf(root, AT.goPackageName);
      if (path !== undefined && name !== undefined && name !== "") this.#packages.set(path, name);
      const low = numberOf(root, AT.lowPc);
      const high = numberOf(root, AT.highPc);
      const list = numberOf(root, AT.ranges);
      unit.lowPc = low ?? 0;
      const add = (from: number, to: number): void => {
        if (to > from) ranges.push({ low: from, high: to, owner });
      };
      if (list !== undefined) {
        const form = formOf(root, AT.ranges) ?? FORM.secOffset;
        const known = ranges.length;
        const read = this.#unlessDamaged(() => {
          readRanges(sections, unit, list, form, add);
          return true;
        });
        if (read === true) continue;
        // Its functions say themselves where they begin, and that is what is asked for.
        ranges.length = known;
        for (const entry of this.#unlessDamaged(() => this.#subprograms(unit))?.keys() ?? []) add(entry, entry + 1);
      } else if (low !== undefined && high !== undefined)
        add(low, formOf(root, AT.highPc) === FORM.addr ? high : low + high);
    }
    ranges.sort((a, b) => a.low - b.low);
    this.#lows = Float64Array.from(ranges, (range) => range.low);
    this.#highs = Float64Array.from(ranges, (range) => range.high);
    this.#owners = Uint32Array.from(ranges, (range) => range.owner);
  }

  /** Root DIE; the bases that indexed forms need are read first, so a second reading decodes those forms rightly. */
  #root(unit: Unit): Die | undefined {
    if (unit.version >= 5) {
      const bases = this.#dies.bases(unit);
      unit.addrBase = bases.get(AT.addrBase) ?? unit.addrBase;
      unit.strOffsetsBase = bases.get(AT.strOffsetsBase) ?? unit.strOffsetsBase;
      unit.rnglistsBase = bases.get(AT.rnglistsBase) ?? unit.rnglistsBase;
      unit.loclistsBase = bases.get(AT.loclistsBase) ?? unit.loclistsBase;
    }
    return this.#dies.read(unit, unit.rootOffset);
  }
}
