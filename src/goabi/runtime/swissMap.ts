/**
 * Maps since Go 1.24 (internal/runtime/maps: Map, table, group; cmd/compile/internal/reflectdata, MapGroupType).
 * Offsets and sizes in bytes.
 */
import { structLayout } from "../layout.ts";
import type { GoType } from "../type.ts";
import { type SlotGroup, slotArray, slotOf } from "./slotGroup.ts";
import { WORD } from "./word.ts";

/** What a map word points to. */
export const SWISS_MAP = {
  size: 40,
  /** u64: entries. */
  used: 0,
  /** directoryLength 0: pointer to one group, may be nil; else to as many pointers to tables. */
  directory: 16,
  directoryLength: 24,
  /** u8: not 0 while the map is being written. */
  writing: 34,
} as const;

/** What a word of the directory points to. One table may stand in several: it counts only where `index` is its own. */
export const SWISS_TABLE = {
  size: 32,
  /** i64: the first place in the directory; -1: no longer in use. */
  index: 8,
  /** Pointer to groupMask + 1 groups. */
  groups: 16,
  groupMask: 24,
} as const;

/** A control byte with this bit: the slot is empty or deleted. */
export const CONTROL_EMPTY = 0x80;

/** `interleaved`: key, elem, key, elem, …; `split` (GOEXPERIMENT=mapsplitgroup, Go 1.27): all keys, then all elems. */
export function groupLayout(order: "interleaved" | "split", key: GoType, elem: GoType): SlotGroup | undefined {
  const [keySlot, elemSlot] = [slotOf(key), slotOf(elem)];
  if (keySlot === undefined || elemSlot === undefined) return undefined;
  const control = { size: WORD, align: WORD };
  if (order === "split") {
    const [keys, elems] = [slotArray(keySlot), slotArray(elemSlot)];
    const group = keys && elems && structLayout([control, keys, elems]);
    if (group === undefined) return undefined;
    return {
      size: group.size,
      keys: { ...keySlot, offset: group.offsets[1]!, stride: keySlot.size },
      elems: { ...elemSlot, offset: group.offsets[2]!, stride: elemSlot.size },
    };
  }
  const pair = structLayout([keySlot, elemSlot]);
  const pairs = pair && slotArray({ ...pair, indirect: false });
  const group = pairs && structLayout([control, pairs]);
  if (pair === undefined || group === undefined) return undefined;
  const first = group.offsets[1]!;
  return {
    size: group.size,
    keys: { ...keySlot, offset: first, stride: pair.size },
    elems: { ...elemSlot, offset: first + pair.offsets[1]!, stride: pair.size },
  };
}
