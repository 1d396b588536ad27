/**
 * Shapes: what the kernel program must know of a piece of memory to follow its pointers. One function for each thing that
 * a pointer can lead to: a Go value, or one of the runtime's structures (src/goabi/runtime).
 */

import { SCALAR_LAYOUTS } from "../../goabi/layout.ts";
import { CLOSURE } from "../../goabi/runtime/closure.ts";
import type { RuntimeFacts } from "../../goabi/runtime/facts.ts";
import { HMAP, HMAP_FLAGS } from "../../goabi/runtime/hmap.ts";
import { EFACE, IFACE, ITAB } from "../../goabi/runtime/interface.ts";
import { type MapStorage, mapStorage } from "../../goabi/runtime/map.ts";
import { SLICE } from "../../goabi/runtime/slice.ts";
import { GROUP_SLOTS, type SlotArray, type SlotGroup } from "../../goabi/runtime/slotGroup.ts";
import { STRING } from "../../goabi/runtime/string.ts";
import { SWISS_MAP, SWISS_TABLE } from "../../goabi/runtime/swissMap.ts";
import { WORD } from "../../goabi/runtime/word.ts";
import { type IsSecretName, SECRET_KEY_BYTES } from "../../goabi/secretNames.ts";
import type { ArrayType, ChanType, GoType, MapType } from "../../goabi/type.ts";
import { type DynamicVia, MAX_MASK_BYTES, MAX_TYPE_SLOTS, type Mask, type Slot } from "../../protocol/captureTypes.ts";
import { type CaptureLimits, RUNE_TAIL } from "../limits.ts";

/**
 * What a frame pointer leads to: the caller's saved frame pointer, the function's return address, and one word more,
 * which is the return address of a caller without a frame (the function that a nil pointer stopped, often).
 */
export const FRAME_BYTES = 24;

/** What a pointer leads to. */
export type Target =
  | { readonly of: "bytes" }
  /** What a frame pointer leads to; `left`: so many frames are followed, this one included. */
  | { readonly of: "frame"; readonly left: number }
  /** So many bytes as they are. */
  | { readonly of: "memory"; readonly size: number }
  | { readonly of: "value"; readonly type: GoType }
  /** The structure that a map word points to, and what that one leads to. */
  | { readonly of: "map" | "mapGroups" | "mapTable" | "mapDirectory"; readonly type: MapType }
  | { readonly of: "chan"; readonly type: ChanType }
  /** The object that a func value points to: values at their offsets. */
  | { readonly of: "closure"; readonly captured: readonly CapturedPart[] };

export interface CapturedPart {
  /** Absent: not known, it may be a secret's. */
  readonly name?: string;
  /** From the start of the closure object. */
  readonly offset: number;
  readonly type: GoType;
  /** The object holds the variable's address. */
  readonly byReference: boolean;
  /** Its type, the dictionary tells whose address stands there in the object (pointees.ts). */
  readonly instance?: { readonly dictionary: number };
}

export type ShapeSlot = Omit<Slot, "via"> & {
  readonly via: { readonly kind: "target"; readonly target: Target } | DynamicVia;
};

export interface Shape {
  /** Bytes of one element. */
  readonly size: number;
  readonly slots: readonly ShapeSlot[];
  readonly masks: readonly Mask[];
  /** Longer runs of bytes that no limit lets be shown: the ends of large arrays. Of values that lie in one piece. */
  readonly unshown?: readonly Mask[];
}

export interface ShapeOptions {
  readonly limits: CaptureLimits;
  readonly isSecret: IsSecretName;
}

const ONE = { kind: "one" } as const;
/** Half of an event: one value never takes all. */
const MAX_STORAGE_BYTES = 8192;
/**
 * Buckets, or groups of a table (which has at most 128), that are looked at; those without entries are not copied.
 * Looking at one takes some 0.1 µs.
 */
const MAX_GROUPS = 512;
/** Tables of a large map that are looked at: each has room for up to 1024 entries. */
const MAX_TABLES = 16;
/** Values inside a value; a damaged type may contain itself. */
const MAX_NESTING = 64;
const MAX_MASKS = 256;
/** A piece of its own for the bytes behind costs less than copying them. */
const MIN_UNSHOWN_BYTES = 256;
/** Fields and elements of one value that are looked at. */
const MAX_PARTS = 10_000;

/** Undefined where nothing is known about the memory's size, or it has none. */
export function shapeOf(target: Target, facts: RuntimeFacts, options: ShapeOptions): Shape | undefined {
  switch (target.of) {
    case "bytes":
      return { size: 1, slots: [], masks: [] };
    case "frame":
      return shapeOfFrame(target.left);
    case "memory":
      return { size: target.size, slots: [], masks: [] };
    case "value":
      return target.type.size > 0
        ? shapeOfParts(target.type.size, [{ offset: 0, type: target.type }], options)
        : undefined;
    case "closure": {
      const ends = target.captured.map((part) => part.offset + bytesAt(part));
      const parts = target.captured.map((part) => ({ ...part, secret: part.name === undefined }));
      return shapeOfParts(Math.max(CLOSURE.captured, ...ends), parts, options);
    }
    case "chan":
      return shapeOfChan(target.type, facts);
    default: {
      const storage = mapStorage(facts.maps, target.type);
      return storage && shapeOfMap(target.of, target.type, storage, options);
    }
  }
}

/** Pointer words and secrets of a value that lies in one piece; `offset`s are added up. */
export function shapeOfParts(
  size: number,
  parts: readonly {
    readonly name?: string;
    /** Whatever its name. */
    readonly secret?: boolean;
    readonly offset: number;
    readonly type: GoType;
    /** Its address stands there. */
    readonly byReference?: boolean;
    readonly instance?: { readonly dictionary: number };
  }[],
  options: ShapeOptions,
): Shape {
  const builder = new ShapeBuilder(options);
  for (const part of parts) {
    const { name, secret, offset, type, byReference, instance } = part;
    if (secret === true || (name !== undefined && options.isSecret(name))) builder.mask(offset, bytesAt(part));
    // The variable belongs to the closure, wherever it stands: following it is no step of the depth.
    else if (byReference === true) builder.pointer(offset, { of: "value", type }, false);
    else if (instance !== undefined && type.kind === "ptr")
      builder.dynamic(offset, { kind: "eface", word: instance.dictionary });
    else builder.value(type, offset, 0);
  }
  return { size, slots: builder.slots, masks: builder.masks, unshown: builder.unshown };
}

function bytesAt({ type, byReference }: { readonly type: GoType; readonly byReference?: boolean }): number {
  return byReference === true ? WORD : Math.max(type.size, 0);
}

class ShapeBuilder {
  readonly slots: ShapeSlot[] = [];
  readonly masks: Mask[] = [];
  readonly unshown: Mask[] = [];
  private readonly options: ShapeOptions;
  private parts = 0;

  constructor(options: ShapeOptions) {
    this.options = options;
  }

  value(type: GoType, offset: number, nesting: number): void {
    if (nesting > MAX_NESTING || ++this.parts > MAX_PARTS || this.slots.length >= MAX_TYPE_SLOTS) return;
    const { limits, isSecret } = this.options;
    switch (type.kind) {
      case "string":
        this.text(offset, STRING, limits.stringBytes);
        break;
      case "slice":
        if (isByteSlice(type)) this.text(offset, SLICE, limits.stringBytes);
        else this.storage(offset, SLICE, { of: "value", type: type.elem }, limits.elements, MAX_STORAGE_BYTES);
        break;
      case "ptr":
        this.pointer(offset, { of: "value", type: type.elem }, true);
        break;
      case "map":
        this.pointer(offset, { of: "map", type }, false);
        break;
      case "chan":
        this.pointer(offset, { of: "chan", type }, false);
        break;
      case "func":
        this.single(offset, { kind: "func" }, false);
        break;
      case "interface":
        // The decoder finds the dynamic type where the kernel program does.
        if (!type.empty) this.pointer(offset + IFACE.itab, { of: "memory", size: ITAB.size }, false);
        if (type.empty) this.single(offset + EFACE.data, { kind: "eface", word: offset + EFACE.type }, false);
        else this.single(offset + IFACE.data, { kind: "itab", word: offset + IFACE.itab }, false);
        break;
      case "struct":
        // A time's third word points to its time zone: times are shown in UTC.
        if (isTime(type)) break;
        for (const field of type.fields) {
          if (isSecret(field.name)) this.mask(offset + field.offset, field.type.size);
          else this.value(field.type, offset + field.offset, nesting + 1);
        }
        break;
      case "array":
        if (type.elem.size <= 0) break;
        this.arrayEnd(type, offset);
        if (Object.hasOwn(SCALAR_LAYOUTS, type.elem.kind) && type.elem.kind !== "string") break;
        for (let index = 0; index < Math.min(type.length, limits.elements); index++)
          this.value(type.elem, offset + index * type.elem.size, nesting + 1);
        break;
    }
  }

  private arrayEnd({ elem, length, size }: ArrayType, offset: number): void {
    const { elements, stringBytes } = this.options.limits;
    const bytes = Math.max(elements, stringBytes + RUNE_TAIL);
    const shown = elem.size * Math.min(length, elem.kind === "uint8" ? bytes : elements);
    if (size - shown >= MIN_UNSHOWN_BYTES && this.unshown.length < MAX_MASKS)
      this.unshown.push({ offset: offset + shown, length: size - shown });
  }

  mask(offset: number, size: number): void {
    for (let done = 0; done < size && this.masks.length < MAX_MASKS; done += MAX_MASK_BYTES)
      this.masks.push({ offset: offset + done, length: Math.min(MAX_MASK_BYTES, size - done) });
  }

  mapKey(offset: number): void {
    this.text(offset, STRING, Math.max(SECRET_KEY_BYTES, this.options.limits.stringBytes));
  }

  private text(offset: number, header: typeof STRING | typeof SLICE, shownBytes: number): void {
    const bytes = shownBytes + RUNE_TAIL;
    this.storage(offset, header, { of: "bytes" }, bytes, bytes);
  }

  pointer(offset: number, target: Target, deepens: boolean): void {
    this.single(offset, { kind: "target", target }, deepens);
  }

  dynamic(offset: number, via: DynamicVia): void {
    this.single(offset, via, false);
  }

  private storage(
    offset: number,
    header: { readonly pointer: number; readonly length: number },
    target: Target,
    maxElements: number,
    maxBytes: number,
  ): void {
    this.slots.push({
      pointer: offset + header.pointer,
      via: { kind: "target", target },
      length: { kind: "word", at: offset + header.length },
      maxElements,
      maxBytes,
      deepens: false,
    });
  }

  private single(pointer: number, via: ShapeSlot["via"], deepens: boolean): void {
    const { eventBytes } = this.options.limits;
    this.slots.push({ pointer, via, length: ONE, maxElements: 1, maxBytes: eventBytes, deepens });
  }
}

function shapeOfFrame(left: number): Shape {
  const saved: ShapeSlot = {
    pointer: 0,
    via: { kind: "target", target: { of: "frame", left: left - 1 } },
    length: ONE,
    maxElements: 1,
    maxBytes: FRAME_BYTES,
    deepens: false,
  };
  return { size: FRAME_BYTES, slots: left > 1 ? [saved] : [], masks: [] };
}

function shapeOfChan(type: ChanType, { chan }: RuntimeFacts): Shape | undefined {
  if (chan === undefined) return undefined;
  const buffer: ShapeSlot = {
    pointer: chan.buffer,
    via: { kind: "target", target: { of: "value", type: type.elem } },
    // The items that wait begin anywhere in the ring.
    length: { kind: "word", at: chan.capacity },
    maxElements: MAX_STORAGE_BYTES,
    maxBytes: MAX_STORAGE_BYTES,
    deepens: false,
  };
  return { size: chan.size, slots: [buffer], masks: [] };
}

function shapeOfMap(
  of: "map" | "mapGroups" | "mapTable" | "mapDirectory",
  type: MapType,
  storage: MapStorage,
  options: ShapeOptions,
): Shape | undefined {
  const groups = {
    via: { kind: "target", target: { of: "mapGroups", type } },
    maxElements: MAX_GROUPS,
    maxBytes: MAX_STORAGE_BYTES,
    deepens: false,
  } as const satisfies Partial<ShapeSlot>;
  const max = options.limits.elements;
  if (storage.kind === "hmap") {
    const { bucket } = storage;
    const live = { of: "buckets", max } as const;
    const buckets = (add: number) => ({ kind: "shift", at: HMAP.b, add }) as const;
    const growing = (set: boolean) => ({ at: HMAP.flags, mask: HMAP_FLAGS.sameSizeGrow, set });
    if (of === "map")
      return {
        size: HMAP.size,
        slots: [
          { ...groups, live, pointer: HMAP.buckets, length: buckets(0) },
          { ...groups, live, pointer: HMAP.oldBuckets, length: buckets(-1), when: growing(false) },
          { ...groups, live, pointer: HMAP.oldBuckets, length: buckets(0), when: growing(true) },
        ],
        masks: [],
      };
    if (of !== "mapGroups") return undefined;
    const shape = shapeOfGroup(type, bucket, options);
    return { ...shape, slots: [...shape.slots, { ...groups, pointer: bucket.overflow, length: ONE }] };
  }
  switch (of) {
    case "map":
      return {
        size: SWISS_MAP.size,
        slots: [
          { ...groups, pointer: SWISS_MAP.directory, length: ONE, when: { at: SWISS_MAP.directoryLength, zero: true } },
          {
            pointer: SWISS_MAP.directory,
            via: { kind: "target", target: { of: "mapDirectory", type } },
            length: { kind: "word", at: SWISS_MAP.directoryLength },
            when: { at: SWISS_MAP.directoryLength, zero: false },
            maxElements: MAX_TABLES,
            maxBytes: MAX_TABLES * WORD,
            deepens: false,
          },
        ],
        masks: [],
      };
    case "mapDirectory":
      return {
        size: WORD,
        slots: [
          {
            pointer: 0,
            via: { kind: "target", target: { of: "mapTable", type } },
            length: ONE,
            maxElements: 1,
            maxBytes: SWISS_TABLE.size,
            deepens: false,
          },
        ],
        masks: [],
      };
    case "mapTable":
      return {
        size: SWISS_TABLE.size,
        slots: [
          {
            ...groups,
            live: { of: "tableGroups", max },
            pointer: SWISS_TABLE.groups,
            length: { kind: "word", at: SWISS_TABLE.groupMask, add: 1 },
          },
        ],
        masks: [],
      };
    default:
      return shapeOfGroup(type, storage.group, options);
  }
}

/** Keys and elems of one group; those that are kept elsewhere are one pointer away. */
function shapeOfGroup({ key, elem }: MapType, group: SlotGroup, options: ShapeOptions): Shape {
  const builder = new ShapeBuilder(options);
  // Key and element may be one and the same type.
  for (const [type, slots] of [
    [key, group.keys],
    [elem, group.elems],
  ] as const satisfies [GoType, SlotArray][]) {
    const { indirect, offset, stride } = slots;
    for (let index = 0; index < GROUP_SLOTS; index++) {
      if (indirect) builder.pointer(offset + index * stride, { of: "value", type }, false);
      else if (slots === group.keys && type.kind === "string") builder.mapKey(offset + index * stride);
      else builder.value(type, offset + index * stride, 0);
    }
  }
  return { size: group.size, slots: builder.slots, masks: builder.masks };
}

/** `[]byte` and defined types of it; a slice of a defined byte type is a slice like others. */
export function isByteSlice(type: GoType): boolean {
  return type.kind === "slice" && type.elem.kind === "uint8" && !type.elem.named;
}

function isTime(type: GoType): boolean {
  return type.size === 24 && type.named && (type.linkName ?? type.name) === "time.Time";
}
