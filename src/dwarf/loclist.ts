/** Location lists: .debug_loc (DWARF ≤ 4) and .debug_loclists (DWARF 5 §2.6.2, §7.29): the expression valid at a PC. */
import { DamagedError, Reader } from "../bytes/reader.ts";
import { FORM } from "./constants.ts";
import { indexedAddress } from "./forms.ts";
import type { Unit } from "./unit.ts";

export interface LocationSections {
  readonly loc: Uint8Array | undefined;
  readonly loclists: Uint8Array | undefined;
  readonly addr: Uint8Array | undefined;
}

/** Entries of one list: a variable's places within one function. */
const MAX_ENTRIES = 1_000_000;

interface LocationEntry {
  readonly low: number;
  readonly high: number;
  readonly expression: Uint8Array;
}

/** The expression bytes valid at `pc`; undefined where the list has none for it. */
export function locationAt(
  sections: LocationSections,
  unit: Unit,
  value: number,
  form: number,
  pc: number,
): Uint8Array | undefined {
  let fallback: Uint8Array | undefined;
  for (const { low, high, expression } of entriesOf(sections, unit, value, form)) {
    if (pc >= low && pc < high) return expression;
    if (high === DEFAULT) fallback = expression;
  }
  return fallback;
}

/** The place that the variable has first in the code's order. */
export function firstLocation(
  sections: LocationSections,
  unit: Unit,
  value: number,
  form: number,
): LocationEntry | undefined {
  for (const entry of entriesOf(sections, unit, value, form)) if (entry.high > entry.low) return entry;
  return undefined;
}

/** `high` of a default location, whose range is what the list's others leave; no PC is in an empty one. */
const DEFAULT = -1;

function entriesOf(sections: LocationSections, unit: Unit, value: number, form: number): Iterable<LocationEntry> {
  if (unit.version < 5) return sections.loc === undefined ? [] : oldEntries(sections.loc, unit, value);
  if (sections.loclists === undefined) return [];
  if (form !== FORM.loclistx) return newEntries(sections, unit, value);
  const index = new Reader(sections.loclists, unit.loclistsBase + value * unit.offsetSize);
  return newEntries(sections, unit, unit.loclistsBase + index.uint(unit.offsetSize));
}

function* oldEntries(loc: Uint8Array, unit: Unit, offset: number): Generator<LocationEntry> {
  const reader = new Reader(loc, offset);
  let base = unit.lowPc;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const low = reader.big64();
    const high = reader.big64();
    if (low === 0n && high === 0n) return;
    if (low === 0xffff_ffff_ffff_ffffn) {
      base = Number(high);
      continue;
    }
    const expression = reader.take(reader.u16());
    yield { low: base + Number(low), high: base + Number(high), expression };
  }
  throw new DamagedError("a location list without an end");
}

function* newEntries(sections: LocationSections, unit: Unit, offset: number): Generator<LocationEntry> {
  const reader = new Reader(sections.loclists!, offset);
  let base = unit.lowPc;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    let low: number;
    let high: number;
    switch (reader.u8()) {
      case 0: // DW_LLE_end_of_list
        return;
      case 1: // DW_LLE_base_addressx
        base = indexedAddress(sections, unit, reader.uleb());
        continue;
      case 2: // DW_LLE_startx_endx
        low = indexedAddress(sections, unit, reader.uleb());
        high = indexedAddress(sections, unit, reader.uleb());
        break;
      case 3: // DW_LLE_startx_length
        low = indexedAddress(sections, unit, reader.uleb());
        high = low + reader.uleb();
        break;
      case 4: // DW_LLE_offset_pair
        low = base + reader.uleb();
        high = base + reader.uleb();
        break;
      case 5: // DW_LLE_default_location
        low = 0;
        high = DEFAULT;
        break;
      case 6: // DW_LLE_base_address
        base = reader.u64();
        continue;
      case 7: // DW_LLE_start_end
        low = reader.u64();
        high = reader.u64();
        break;
      case 8: // DW_LLE_start_length
        low = reader.u64();
        high = low + reader.uleb();
        break;
      default:
        throw new DamagedError("a location list entry of unknown kind");
    }
    yield { low, high, expression: reader.take(reader.uleb()) };
  }
  throw new DamagedError("a location list without an end");
}
