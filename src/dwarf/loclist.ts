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

/** The expression bytes valid at `pc`; undefined where the list has none for it. */
export function locationAt(
  sections: LocationSections,
  unit: Unit,
  value: number,
  form: number,
  pc: number,
): Uint8Array | undefined {
  if (unit.version < 5) return oldLocationAt(sections, unit, value, pc);
  if (sections.loclists === undefined) return undefined;
  let offset = value;
  if (form === FORM.loclistx) {
    const index = new Reader(sections.loclists, unit.loclistsBase + value * unit.offsetSize);
    offset = unit.loclistsBase + index.uint(unit.offsetSize);
  }
  return newLocationAt(sections, unit, offset, pc);
}

function oldLocationAt(sections: LocationSections, unit: Unit, offset: number, pc: number): Uint8Array | undefined {
  if (sections.loc === undefined) return undefined;
  const reader = new Reader(sections.loc, offset);
  let base = unit.lowPc;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const low = reader.big64();
    const high = reader.big64();
    if (low === 0n && high === 0n) return undefined;
    if (low === 0xffff_ffff_ffff_ffffn) {
      base = Number(high);
      continue;
    }
    const expression = reader.take(reader.u16());
    if (pc >= base + Number(low) && pc < base + Number(high)) return expression;
  }
  throw new DamagedError("a location list without an end");
}

function newLocationAt(sections: LocationSections, unit: Unit, offset: number, pc: number): Uint8Array | undefined {
  const reader = new Reader(sections.loclists!, offset);
  let base = unit.lowPc;
  let fallback: Uint8Array | undefined;
  for (let i = 0; i < MAX_ENTRIES; i++) {
    let low: number;
    let high: number;
    switch (reader.u8()) {
      case 0: // DW_LLE_end_of_list
        return fallback;
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
        fallback = reader.take(reader.uleb());
        continue;
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
    const expression = reader.take(reader.uleb());
    if (pc >= low && pc < high) return expression;
  }
  throw new DamagedError("a location list without an end");
}
