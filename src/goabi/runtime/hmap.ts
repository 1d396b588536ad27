/**
 * Maps up to Go 1.23 (runtime/map.go, hmap and bmap; since 1.24 with GOEXPERIMENT=noswissmap, map_noswiss.go). Offsets
 * and sizes in bytes.
 */
import { structLayout } from "../layout.ts";
import type { GoType } from "../type.ts";
import { type SlotGroup, slotArray, slotOf } from "./slotGroup.ts";
import { WORD } from "./word.ts";

/** What a map word points to. */
export const HMAP = {
  size: 48,
  /** u64: live entries. */
  count: 0,
  /** u8, see HMAP_FLAGS. */
  flags: 8,
  /** u8: log2 of the number of buckets. */
  b: 9,
  /** Pointer to 2^B buckets; may be nil. */
  buckets: 16,
  /** Pointer to the buckets before the map grew; nil when it is not growing. */
  oldBuckets: 24,
  /** u64: old buckets below this one have been moved. */
  evacuated: 32,
} as const;

export const HMAP_FLAGS = {
  writing: 4,
  /** The old buckets are as many as the new ones; else half as many. */
  sameSizeGrow: 8,
} as const;

/** A bucket's `tophash` bytes. 0 and 1: empty; 2 to 4: moved to the new buckets; from 5: an entry. */
export const TOPHASH = { emptyOne: 1, evacuatedFirst: 2, evacuatedLast: 4, live: 5 } as const;

export interface Bucket extends SlotGroup {
  /** Pointer to the next bucket of the chain: the last word. */
  readonly overflow: number;
}

/** tophash [8]uint8, keys [8], elems [8], overflow (cmd/compile/internal/reflectdata, MapBucketType). */
export function bucketLayout(key: GoType, elem: GoType): Bucket | undefined {
  const [keySlot, elemSlot] = [slotOf(key), slotOf(elem)];
  if (keySlot === undefined || elemSlot === undefined) return undefined;
  const [keys, elems] = [slotArray(keySlot), slotArray(elemSlot)];
  if (keys === undefined || elems === undefined) return undefined;
  const struct = structLayout([{ size: WORD, align: 1 }, keys, elems, { size: WORD, align: WORD }]);
  if (struct === undefined) return undefined;
  return {
    size: struct.size,
    keys: { ...keySlot, offset: struct.offsets[1]!, stride: keySlot.size },
    elems: { ...elemSlot, offset: struct.offsets[2]!, stride: elemSlot.size },
    overflow: struct.offsets[3]!,
  };
}
