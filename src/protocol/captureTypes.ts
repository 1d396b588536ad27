/**
 * A session's capture types: what the kernel program knows of the target's types when it follows pointers. One table a
 * session, made by the peer, copied into the kernel's maps as it is; the layouts are shared with bpf/probelens.h
 * (test/unit/protocol/layouts.test.ts compares the two sides). Little-endian; offsets and sizes in bytes.
 *
 * Nothing that stands in the tables can make the kernel program read its own memory wrongly: it checks each number where
 * it uses it. What is checked here is that the tables are whole.
 */

/** Types that every table begins with: bytes without pointers; one word. */
export const COMMON_TYPES = { bytes: 0, word: 1 } as const;

/** One capture type. Its index in the table is its id. */
export interface CaptureType {
  /** Bytes of one element. */
  readonly size: number;
  /** Pointer words of one element. */
  readonly slots: readonly Slot[];
  /** Zeroed in the record before it is submitted: secrets. */
  readonly masks: readonly Mask[];
}

export interface Mask {
  readonly offset: number;
  /** At most MAX_MASK_BYTES. */
  readonly length: number;
}

/** Offsets are from the start of the element. */
export interface Slot {
  /** Offset of the pointer word. */
  readonly pointer: number;
  /** How the type of what it points to is found. */
  readonly via:
    | { readonly kind: "type"; readonly type: number }
    /** A type word at `word`: an empty interface. */
    | { readonly kind: "eface"; readonly word: number }
    /** An itab word at `word`: an interface with methods. */
    | { readonly kind: "itab"; readonly word: number }
    /** The pointer word leads to a closure object. */
    | { readonly kind: "func" };
  /** How many elements stand there. */
  readonly length:
    | { readonly kind: "one" }
    /** The u64 at `at`, plus `add`. */
    | { readonly kind: "word"; readonly at: number; readonly add?: number }
    /** 1 << (the u8 at `at`, plus `add`). */
    | { readonly kind: "shift"; readonly at: number; readonly add?: number };
  /** Followed only where this holds. */
  readonly when?: /** The u64 at `at` is zero, or is not. */
    | { readonly at: number; readonly zero: boolean }
    /** One of the bits `mask` of the u8 at `at` is set, or none is. */
    | { readonly at: number; readonly mask: number; readonly set: boolean };
  readonly maxElements: number;
  readonly maxBytes: number;
  /** Counts against the plan's depth. Of an interface's pointer, the runtime type's target says it. */
  readonly deepens: boolean;
  /**
   * The elements are a map's buckets or groups: those without a live entry are not copied, and none once `max` live
   * entries are there. The tables of one map share one `max`.
   */
  readonly live?: { readonly of: "buckets" | "tableGroups"; readonly max: number };
}

export type DynamicVia = Exclude<Slot["via"], { readonly kind: "type" }>;

/** What an interface's data word points to, by type word; what a func value points to, by code address. */
export interface Target {
  /** Address in the file (of the type descriptor, of the code, of a dictionary). */
  readonly address: number;
  /** Of a dictionary: `CapturePlan.dictionary.table`. */
  readonly table?: number;
  readonly type: number;
  readonly deepens: boolean;
  /** The data word is a func value. */
  readonly func: boolean;
}

/** The tables as they go over the wire and into the maps. */
export interface CaptureTables {
  readonly types: Uint8Array;
  readonly slots: Uint8Array;
  readonly masks: Uint8Array;
  readonly runtimeTypes: Uint8Array;
  readonly closures: Uint8Array;
}
export type CaptureTableName = keyof CaptureTables;

/** struct pl_type */
export const CAPTURE_TYPE = { size: 16, elementSize: 0, firstSlot: 4, slots: 8, masks: 10, firstMask: 12 } as const;
/** struct pl_slot */
export const SLOT = {
  size: 40,
  pointer: 0,
  type: 4,
  word: 8,
  length: 12,
  when: 16,
  maxElements: 20,
  maxBytes: 24,
  lengthAdd: 28,
  via: 30,
  lengthKind: 31,
  whenKind: 32,
  whenMask: 33,
  deepens: 34,
  live: 35,
  maxLive: 36,
} as const;
export const LIVE = { buckets: 1, tableGroups: 2 } as const;
export const VIA = { type: 0, eface: 1, itab: 2, func: 3 } as const;
export const LENGTH_KIND = { one: 0, word: 1, shift: 2 } as const;
export const WHEN_KIND = { always: 0, zero: 1, notZero: 2, clear: 3, set: 4 } as const;
/** struct pl_mask */
export const MASK = { size: 8, offset: 0, length: 4 } as const;
/** A key (u64: the address, above its 48 bits the number of a plan's table of dictionaries) and struct pl_target */
export const TARGET = { size: 16, address: 0, type: 8, flags: 12 } as const;
export const TARGET_KEY_BYTES = 8;
export const TARGET_FLAGS = { deepens: 1, func: 2 } as const;

/** Bytes of each table at the most: Kubernetes' largest program has 180 000 descriptors, some four slots each. */
export const MAX_TABLE_BYTES: Readonly<Record<CaptureTableName, number>> = {
  types: 1_000_000 * CAPTURE_TYPE.size,
  slots: 1_000_000 * SLOT.size,
  masks: 100_000 * MASK.size,
  runtimeTypes: 500_000 * TARGET.size,
  closures: 200_000 * TARGET.size,
};
/** The kernel zeroes this much at once. */
export const MAX_MASK_BYTES = 4096;
/** A type's slots and masks are counted in 16 bits; this bounds what one element costs to walk. */
export const MAX_TYPE_SLOTS = 1024;

const MAX_U32 = 0xffffffff;

/** Grows as types are added; ids are given in order. */
export class CaptureTablesWriter {
  #types = new Growing(CAPTURE_TYPE.size);
  #slots = new Growing(SLOT.size);
  #masks = new Growing(MASK.size);
  #runtimeTypes = new Growing(TARGET.size);
  #closures = new Growing(TARGET.size);

  constructor() {
    this.add({ size: 1, slots: [], masks: [] });
    this.add({ size: 8, slots: [], masks: [] });
  }

  get slotCount(): number {
    return this.#slots.count;
  }

  get typeCount(): number {
    return this.#types.count;
  }

  /** Returns the type's id. */
  add(type: CaptureType): number {
    const id = this.reserve();
    this.set(id, type);
    return id;
  }

  /** An id whose type follows: types may refer to each other in circles. */
  reserve(): number {
    this.#types.next();
    return this.#types.count - 1;
  }

  set(id: number, { size, slots, masks }: CaptureType): void {
    this.define(id, size, slots, masks, (via) => (via.kind === "type" ? via.type : undefined));
  }

  /** As `set`, for slots whose types `typeOf` numbers; those that it does not number are left out. */
  define<Via extends { readonly kind: string }>(
    id: number,
    size: number,
    slots: readonly (Omit<Slot, "via"> & { readonly via: Via | DynamicVia })[],
    masks: readonly Mask[],
    typeOf: (via: Via | DynamicVia) => number | undefined,
  ): void {
    const firstSlot = this.#slots.count;
    const firstMask = this.#masks.count;
    for (const slot of slots) {
      const { via } = slot;
      if (isDynamic(via)) this.#slot(slot, VIA[via.kind], 0, via.kind === "func" ? 0 : via.word);
      else {
        const type = typeOf(via);
        if (type !== undefined) this.#slot(slot, VIA.type, type, 0);
      }
    }
    for (const { offset, length } of masks) {
      const at = this.#masks.next();
      this.#masks.view.setUint32(at + MASK.offset, offset, true);
      this.#masks.view.setUint32(at + MASK.length, length, true);
    }
    const { view } = this.#types;
    const at = id * CAPTURE_TYPE.size;
    view.setUint32(at + CAPTURE_TYPE.elementSize, Math.min(size, MAX_U32), true);
    view.setUint32(at + CAPTURE_TYPE.firstSlot, firstSlot, true);
    view.setUint16(at + CAPTURE_TYPE.slots, this.#slots.count - firstSlot, true);
    view.setUint16(at + CAPTURE_TYPE.masks, masks.length, true);
    view.setUint32(at + CAPTURE_TYPE.firstMask, firstMask, true);
  }

  addRuntimeType(target: Target): void {
    writeTarget(this.#runtimeTypes, target);
  }

  addClosure(target: Target): void {
    writeTarget(this.#closures, target);
  }

  /** Views of what has been written: valid until more is added. */
  tables(): CaptureTables {
    return {
      types: this.#types.bytes(),
      slots: this.#slots.bytes(),
      masks: this.#masks.bytes(),
      runtimeTypes: this.#runtimeTypes.bytes(),
      closures: this.#closures.bytes(),
    };
  }

  #slot(slot: Omit<Slot, "via">, via: number, type: number, word: number): void {
    const { pointer, length, when, maxElements, maxBytes, deepens, live } = slot;
    const at = this.#slots.next();
    const { view } = this.#slots;
    view.setUint32(at + SLOT.pointer, pointer, true);
    view.setUint8(at + SLOT.via, via);
    view.setUint32(at + SLOT.type, type, true);
    view.setUint32(at + SLOT.word, word, true);
    view.setUint8(at + SLOT.lengthKind, LENGTH_KIND[length.kind]);
    if (length.kind !== "one") {
      view.setUint32(at + SLOT.length, length.at, true);
      view.setInt16(at + SLOT.lengthAdd, length.add ?? 0, true);
    }
    if (when !== undefined) {
      view.setUint32(at + SLOT.when, when.at, true);
      if ("zero" in when) view.setUint8(at + SLOT.whenKind, when.zero ? WHEN_KIND.zero : WHEN_KIND.notZero);
      else {
        view.setUint8(at + SLOT.whenKind, when.set ? WHEN_KIND.set : WHEN_KIND.clear);
        view.setUint8(at + SLOT.whenMask, when.mask);
      }
    }
    view.setUint32(at + SLOT.maxElements, Math.min(maxElements, MAX_U32), true);
    view.setUint32(at + SLOT.maxBytes, Math.min(maxBytes, MAX_U32), true);
    view.setUint8(at + SLOT.deepens, deepens ? 1 : 0);
    if (live !== undefined) {
      view.setUint8(at + SLOT.live, LIVE[live.of]);
      view.setUint32(at + SLOT.maxLive, Math.min(live.max, MAX_U32), true);
    }
  }
}

function isDynamic(via: { readonly kind: string }): via is DynamicVia {
  return via.kind === "eface" || via.kind === "itab" || via.kind === "func";
}

/** Tables of a session that follows nothing. */
export function noCaptureTables(): CaptureTables {
  return new CaptureTablesWriter().tables();
}

/** What is wrong with tables that came over the wire, a clause; undefined where they are whole. */
export function tablesFault(tables: CaptureTables): string | undefined {
  const sizes = {
    types: CAPTURE_TYPE.size,
    slots: SLOT.size,
    masks: MASK.size,
    runtimeTypes: TARGET.size,
    closures: TARGET.size,
  } as const satisfies Record<CaptureTableName, number>;
  for (const [name, size] of Object.entries(sizes) as [CaptureTableName, number][]) {
    const { length } = tables[name];
    if (length % size !== 0) return `the table ${name} of ${length} bytes is not made of entries of ${size}`;
    if (length > MAX_TABLE_BYTES[name]) return `the table ${name} has ${length} bytes, over ${MAX_TABLE_BYTES[name]}`;
  }
  const types = tables.types.length / CAPTURE_TYPE.size;
  const slots = tables.slots.length / SLOT.size;
  const masks = tables.masks.length / MASK.size;
  if (types === 0) return "the table types is empty";
  const view = viewOf(tables.types);
  for (let at = 0, id = 0; id < types; id++, at += CAPTURE_TYPE.size) {
    if (
      view.getUint32(at + CAPTURE_TYPE.firstSlot, true) + view.getUint16(at + CAPTURE_TYPE.slots, true) > slots ||
      view.getUint32(at + CAPTURE_TYPE.firstMask, true) + view.getUint16(at + CAPTURE_TYPE.masks, true) > masks
    )
      return `capture type ${id} refers to slots or masks that are not there`;
  }
  return undefined;
}

/** One type out of a table: its size, and where its slots stand in the table of slots. */
export function readCaptureType(
  tables: CaptureTables,
  id: number,
): { size: number; firstSlot: number; slots: number; masks: number } | undefined {
  const at = id * CAPTURE_TYPE.size;
  if (at + CAPTURE_TYPE.size > tables.types.length) return undefined;
  const view = viewOf(tables.types);
  return {
    size: view.getUint32(at + CAPTURE_TYPE.elementSize, true),
    firstSlot: view.getUint32(at + CAPTURE_TYPE.firstSlot, true),
    slots: view.getUint16(at + CAPTURE_TYPE.slots, true),
    masks: view.getUint16(at + CAPTURE_TYPE.masks, true),
  };
}

/** What the kernel zeroes in each element of a type; undefined where nothing. */
export function masksOf(tables: CaptureTables, id: number): { size: number; masks: readonly Mask[] } | undefined {
  const type = readCaptureType(tables, id);
  if (type === undefined || type.masks === 0) return undefined;
  const first = viewOf(tables.types).getUint32(id * CAPTURE_TYPE.size + CAPTURE_TYPE.firstMask, true);
  const view = viewOf(tables.masks);
  const masks: Mask[] = [];
  for (let at = first * MASK.size; masks.length < type.masks && at + MASK.size <= tables.masks.length; at += MASK.size)
    masks.push({ offset: view.getUint32(at + MASK.offset, true), length: view.getUint32(at + MASK.length, true) });
  return { size: type.size, masks };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeTarget(table: Growing, { address, table: number = 0, type, deepens, func }: Target): void {
  const at = table.next();
  table.view.setUint32(at + TARGET.address, address >>> 0, true);
  table.view.setUint32(at + TARGET.address + 4, Math.floor(address / 2 ** 32) + number * 2 ** 16, true);
  table.view.setUint32(at + TARGET.type, type, true);
  table.view.setUint32(at + TARGET.flags, (deepens ? TARGET_FLAGS.deepens : 0) | (func ? TARGET_FLAGS.func : 0), true);
}

/** Entries of one size, one after the other, in memory that doubles. */
class Growing {
  readonly size: number;
  count = 0;
  view: DataView;
  #buffer: Uint8Array;

  constructor(size: number) {
    this.size = size;
    this.#buffer = new Uint8Array(64 * size);
    this.view = viewOf(this.#buffer);
  }

  /** Offset of a new entry of zeroes. */
  next(): number {
    const at = this.count++ * this.size;
    if (at + this.size > this.#buffer.length) {
      const larger = new Uint8Array(this.#buffer.length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.view = viewOf(larger);
    }
    return at;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.count * this.size);
  }
}
