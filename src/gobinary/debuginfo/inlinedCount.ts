/**
 * How many inlined copies of functions a program holds. Counted by name, because each package that inlines a function
 * has an abstract DIE of its own for it.
 */
import { AT, TAG } from "../../dwarf/constants.ts";
import { type Die, type DieReader, textOf } from "../../dwarf/die.ts";
import type { Unit } from "../../dwarf/unit.ts";

/** An abbreviation code (Go has about 50, so one byte) stands between a DIE's offset and the name that comes first. */
const MAX_CODE_BYTES = 2;
/** Searching all bytes for one reference takes about a twentieth of the time that passing over all DIEs takes. */
const MAX_SEARCHES = 12;

export interface InlinedSource {
  readonly units: readonly Unit[];
  readonly dies: DieReader;
  dieAt(offset: number): Die | undefined;
  unitOf(offset: number): Unit | undefined;
}

/** All functions, by the linker's name: one pass over everything. */
export function inlinedCounts(source: InlinedSource): Map<string, number> {
  const byName = new Map<string, number>();
  for (const [origin, count] of countOrigins(source, source.units)) {
    const name = nameAt(source, origin);
    if (name !== undefined) byName.set(name, (byName.get(name) ?? 0) + count);
  }
  return byName;
}

/**
 * One function, without the names of all others: its abstract DIEs are found by their name's bytes, and only units
 * that hold a reference to one are passed over. Valid where names stand in .debug_info and references are offsets in
 * the section, as Go writes them; not for units of C compilers.
 */
export function inlinedCount(source: InlinedSource, name: string): number {
  const { info } = source.dies;
  const bytes = Buffer.from(info.buffer, info.byteOffset, info.byteLength);
  const wanted = Buffer.from(`${name}\0`);
  const candidates = new Set<number>();
  for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 1))
    for (let before = 1; before <= MAX_CODE_BYTES; before++) if (at >= before) candidates.add(at - before);
  const units = candidates.size > MAX_SEARCHES ? source.units : unitsWithAny(source, bytes, candidates);
  let total = 0;
  for (const [origin, count] of countOrigins(source, units, candidates))
    if (nameAt(source, origin) === name) total += count;
  return total;
}

function nameAt(source: InlinedSource, origin: number): string | undefined {
  const die = source.dieAt(origin);
  return die === undefined ? undefined : textOf(die, AT.name);
}

/** Inlined calls by what they point to; with `only`, no others. */
function countOrigins(
  { dies }: InlinedSource,
  units: Iterable<Unit>,
  only?: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  if (only?.size === 0) return counts;
  const calls = dies.scanFor(TAG.inlinedSubroutine, AT.abstractOrigin);
  for (const unit of units)
    calls.run(unit, (_at, valueAt, form, implicit) => {
      const origin = dies.valueAt(unit, valueAt, form, implicit);
      if (typeof origin !== "number" || only?.has(origin) === false) return;
      counts.set(origin, (counts.get(origin) ?? 0) + 1);
    });
  return counts;
}

/** Units that hold the four bytes of one of the offsets anywhere. */
function unitsWithAny(source: InlinedSource, bytes: Buffer, offsets: ReadonlySet<number>): Set<Unit> {
  const units = new Set<Unit>();
  const pattern = Buffer.alloc(4);
  for (const offset of offsets) {
    pattern.writeUInt32LE(offset);
    for (let at = bytes.indexOf(pattern); at >= 0; ) {
      const unit = source.unitOf(at);
      if (unit !== undefined) units.add(unit);
      // One hit decides for the whole unit.
      at = bytes.indexOf(pattern, Math.max(at + 1, unit?.end ?? 0));
    }
  }
  return units;
}
