/** Eight keys and elems with a control byte each: a Swiss map's group, an older map's bucket. Sizes in bytes. */
import { arrayLayout, type Layout } from "../layout.ts";
import type { GoType } from "../type.ts";
import { WORD } from "./word.ts";

/** Keys of one group (abi.MapGroupSlots, abi.MapBucketCount). */
export const GROUP_SLOTS = 8;
/** Where the eight control (tophash) bytes stand. */
export const GROUP_CONTROL = 0;
/** A larger key or elem is kept elsewhere, its slot holds a pointer to it (abi.MapMaxKeyBytes, abi.MapMaxElemBytes). */
const MAX_INLINE_BYTES = 128;

export interface Slot extends Layout {
  /** The slot holds a pointer to the value. */
  readonly indirect: boolean;
}

export interface SlotArray extends Slot {
  /** Of slot 0 in the group. */
  readonly offset: number;
  /** From one slot to the next. */
  readonly stride: number;
}

export interface SlotGroup {
  readonly size: number;
  readonly keys: SlotArray;
  readonly elems: SlotArray;
}

/** Undefined where the type's size is not known. */
export function slotOf(type: GoType): Slot | undefined {
  if (!(type.size >= 0) || ![1, 2, 4, 8].includes(type.align)) return undefined;
  return type.size > MAX_INLINE_BYTES
    ? { size: WORD, align: WORD, indirect: true }
    : { size: type.size, align: type.align, indirect: false };
}

export function slotArray(slot: Slot): Layout | undefined {
  return arrayLayout(slot, GROUP_SLOTS);
}
