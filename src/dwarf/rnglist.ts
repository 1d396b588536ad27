/** Address ranges of a unit: .debug_ranges (DWARF ≤ 4) and .debug_rnglists (DWARF 5 §2.17.3, §7.25). */
import { DamagedError, Reader } from "../bytes/reader.ts";
import { FORM } from "./constants.ts";
import { indexedAddress } from "./forms.ts";
import type { Unit } from "./unit.ts";

export interface RangeSections {
  readonly ranges: Uint8Array | undefined;
  readonly rnglists: Uint8Array | undefined;
  readonly addr: Uint8Array | undefined;
}

/** Entries of one list: at most one for each function of a package. */
const MAX_ENTRIES = 4_000_000;

/** Calls `add` for each half-open range. */
export function readRanges(
  sections: RangeSections,
  unit: Unit,
  value: number,
  form: number,
  add: (low: number, high: number) => void,
): void {
  if (unit.version >= 5)
    readRnglist(sections, unit, form === FORM.rnglistx ? indexedList(sections, unit, value) : value, add);
  else readOldRanges(sections, unit, value, add);
}

function readOldRanges(
  sections: RangeSections,
  unit: Unit,
  offset: number,
  add: (low: number, high: number) => void,
): void {
  if (sections.ranges === undefined) throw new DamagedError(".debug_ranges is missing");
  const reader = new Reader(sections.ranges, offset);
  let base = unit.lowPc;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const low = reader.big64();
    const high = reader.big64();
    if (low === 0n && high === 0n) return;
    if (low === 0xffff_ffff_ffff_ffffn) base = Number(high);
    else add(base + Number(low), base + Number(high));
  }
  throw new DamagedError("a range list without an end");
}

function readRnglist(
  sections: RangeSections,
  unit: Unit,
  offset: number,
  add: (low: number, high: number) => void,
): void {
  if (sections.rnglists === undefined) throw new DamagedError(".debug_rnglists is missing");
  const reader = new Reader(sections.rnglists, offset);
  let base = unit.lowPc;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    switch (reader.u8()) {
      case 0: // DW_RLE_end_of_list
        return;
      case 1: // DW_RLE_base_addressx
        base = indexedAddress(sections, unit, reader.uleb());
        break;
      case 2: // DW_RLE_startx_endx
        add(indexedAddress(sections, unit, reader.uleb()), indexedAddress(sections, unit, reader.uleb()));
        break;
      case 3: {
        // DW_RLE_startx_length
        const low = indexedAddress(sections, unit, reader.uleb());
        add(low, low + reader.uleb());
        break;
      }
      case 4: {
        // DW_RLE_offset_pair
        const low = base + reader.wrappedUleb();
        add(low, base + reader.wrappedUleb());
        break;
      }
      case 5: // DW_RLE_base_address
        base = reader.u64();
        break;
      case 6: {
        // DW_RLE_start_end
        const low = reader.u64();
        add(low, reader.u64());
        break;
      }
      case 7: {
        // DW_RLE_start_length
        const low = reader.u64();
        add(low, low + reader.uleb());
        break;
      }
      default:
        throw new DamagedError("a range list entry of unknown kind");
    }
  }
  throw new DamagedError("a range list without an end");
}

function indexedList(sections: RangeSections, unit: Unit, index: number): number {
  if (sections.rnglists === undefined) throw new DamagedError(".debug_rnglists is missing");
  const reader = new Reader(sections.rnglists, unit.rnglistsBase + index * unit.offsetSize);
  return unit.rnglistsBase + reader.uint(unit.offsetSize);
}
