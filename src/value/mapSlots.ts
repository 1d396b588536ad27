/**
 * Where a map's entries stand in captured memory: buckets up to Go 1.23 (old ones too while it grows), groups of Swiss
 * maps since. Nothing here reads keys or elems.
 */
import { type Bucket, HMAP, HMAP_FLAGS, TOPHASH } from "../goabi/runtime/hmap.ts";
import type { MapStorage } from "../goabi/runtime/map.ts";
import { GROUP_CONTROL, GROUP_SLOTS, type SlotGroup } from "../goabi/runtime/slotGroup.ts";
import { CONTROL_EMPTY, SWISS_MAP, SWISS_TABLE } from "../goabi/runtime/swissMap.ts";
import { WORD } from "../goabi/runtime/word.ts";
import { type CapturedMemory, type Missing, NOT_CAPTURED, type Region } from "./memory.ts";

/** One entry's key and elem (or the pointer to it, `Slot.indirect`): offsets in bytes. */
export interface MapSlot {
  readonly region: Region;
  readonly key: number;
  readonly elem: number;
}

export interface MapSlots {
  /** What the map says of itself. */
  readonly count: number;
  /** At most as many as asked for. */
  readonly slots: readonly MapSlot[];
  /** Why there are fewer slots than entries; undefined where all were found. */
  readonly missing?: Missing;
}

const BEING_WRITTEN: Missing = { reason: "it was being written while it was read" };
const CHANGED: Missing = { reason: "it changed while it was read" };
const SPREAD: Missing = { reason: "its entries lie too far apart to be copied", limit: true };
const NO_MAP: Missing = { reason: "the words at its address are no map" };

/** Buckets or groups that are looked at: an event holds no more of them, the smallest has 16 bytes. */
const MAX_GROUPS = 1024;
/** Entries, buckets, tables: no process has as many. */
const MAX_COUNT = 2 ** 40;

export function mapSlots(
  memory: CapturedMemory,
  address: number,
  storage: MapStorage,
  limit: number,
): MapSlots | Missing {
  const header = memory.at(address, storage.kind === "hmap" ? HMAP.size : SWISS_MAP.size);
  if ("reason" in header) return header;
  const missing = header.missing(0, storage.kind === "hmap" ? HMAP.size : SWISS_MAP.size);
  if (missing !== undefined) return missing;
  const count = header.word(storage.kind === "hmap" ? HMAP.count : SWISS_MAP.used);
  if (count > MAX_COUNT) return NO_MAP;
  const writing =
    storage.kind === "hmap" ? (header.u8(HMAP.flags) & HMAP_FLAGS.writing) !== 0 : header.u8(SWISS_MAP.writing) !== 0;
  if (writing) return BEING_WRITTEN;
  if (count === 0) return { count, slots: [] };
  const search = new Search(memory, limit);
  if (storage.kind === "hmap") search.hmap(header, storage.bucket);
  else search.swiss(header, storage.group);
  return search.result(count);
}

class Search {
  readonly #memory: CapturedMemory;
  readonly #limit: number;
  readonly #slots: MapSlot[] = [];
  #found = 0;
  #groups = 0;
  #missing: Missing | undefined;

  constructor(memory: CapturedMemory, limit: number) {
    this.#memory = memory;
    this.#limit = limit;
  }

  /**
   * Torn maps are not shown: more entries than the map counts, or fewer although all of it was read. What was not copied
   * had no entries where all of them were found.
   */
  result(count: number): MapSlots | Missing {
    if (this.#found > count || (this.#missing === undefined && this.#found < count)) return this.#missing ?? CHANGED;
    const slots = this.#slots;
    return this.#missing === undefined || slots.length === Math.min(count, this.#limit)
      ? { count, slots }
      : { count, slots, missing: this.#missing };
  }

  hmap(header: Region, bucket: Bucket): void {
    const buckets = 2 ** header.u8(HMAP.b);
    this.#buckets(header.word(HMAP.buckets), buckets, bucket, false);
    const old = header.word(HMAP.oldBuckets);
    if (old === 0) return;
    const sameSize = (header.u8(HMAP.flags) & HMAP_FLAGS.sameSizeGrow) !== 0;
    this.#buckets(old, sameSize ? buckets : Math.max(1, buckets / 2), bucket, true);
  }

  /** Entries of an old bucket that was moved stand in the new ones; new buckets of one that was not are still empty. */
  #buckets(address: number, count: number, bucket: Bucket, old: boolean): void {
    this.#each(address, count, bucket, (region, start) => {
      const first = region.missing(start + GROUP_CONTROL, 1) === undefined ? region.u8(start + GROUP_CONTROL) : 0;
      if (old && first >= TOPHASH.evacuatedFirst && first <= TOPHASH.evacuatedLast) return;
      this.#chain(region, start, bucket);
    });
  }

  #chain(region: Region, start: number, bucket: Bucket): void {
    let at = { region, start };
    for (;;) {
      this.#group(at.region, at.start, bucket, (control) => control >= TOPHASH.live);
      const missing = at.region.missing(at.start + bucket.overflow, WORD);
      if (missing !== undefined) {
        this.#missing ??= missing;
        return;
      }
      const next = at.region.word(at.start + bucket.overflow);
      if (next === 0) return;
      const overflow = this.#memory.at(next, bucket.size);
      // A chain has no more buckets than the event; one that is longer runs in a circle.
      if ("reason" in overflow || ++this.#groups > MAX_GROUPS) {
        this.#missing ??= "reason" in overflow ? overflow : CHANGED;
        return;
      }
      at = { region: overflow, start: 0 };
    }
  }

  swiss(header: Region, group: SlotGroup): void {
    const directory = header.word(SWISS_MAP.directory);
    const length = header.word(SWISS_MAP.directoryLength);
    if (length === 0) {
      this.#each(directory, 1, group, (region, start) => this.#group(region, start, group, isFull));
      return;
    }
    this.#each(directory, length, { size: WORD }, (region, start, index) => {
      const missing = region.missing(start, WORD);
      const table = missing ?? this.#memory.at(region.word(start), SWISS_TABLE.size);
      const noTable = "reason" in table ? table : table.missing(0, SWISS_TABLE.size);
      if (noTable !== undefined || "reason" in table) {
        this.#missing ??= noTable;
        return;
      }
      // One table may stand in several places of the directory.
      if (table.word(SWISS_TABLE.index) !== index) return;
      const groups = table.word(SWISS_TABLE.groupMask) + 1;
      this.#each(table.word(SWISS_TABLE.groups), groups, group, (region, start) =>
        this.#group(region, start, group, isFull),
      );
    });
  }

  /** Things of one size that stand one after the other: those that were copied. Those without entries were not. */
  #each(
    address: number,
    count: number,
    { size }: { size: number },
    visit: (region: Region, start: number, index: number) => void,
  ): void {
    const wanted = count * size;
    if (!(count <= MAX_COUNT && wanted <= MAX_COUNT)) {
      this.#missing ??= CHANGED;
      return;
    }
    let at: Region | Missing = NOT_CAPTURED;
    let [first, left] = [0, 0];
    for (let index = 0; index < count; index++) {
      if (++this.#groups > MAX_GROUPS) {
        this.#missing ??= SPREAD;
        return;
      }
      if (left === 0) {
        at = this.#memory.at(address + index * size, wanted - index * size);
        left = "reason" in at ? 0 : Math.floor(at.length / size);
        first = index;
      }
      if (left > 0 && !("reason" in at)) {
        visit(at, (index - first) * size, index);
        left--;
        continue;
      }
      const why = "reason" in at ? at : at.run(size).why;
      this.#missing ??= why === NOT_CAPTURED && count > 1 ? SPREAD : why;
    }
  }

  #group(region: Region, start: number, group: SlotGroup, isLive: (control: number) => boolean): void {
    const missing = region.missing(start + GROUP_CONTROL, GROUP_SLOTS);
    if (missing !== undefined) {
      this.#missing ??= missing;
      return;
    }
    for (let slot = 0; slot < GROUP_SLOTS; slot++) {
      if (!isLive(region.u8(start + GROUP_CONTROL + slot))) continue;
      this.#found++;
      if (this.#slots.length < this.#limit) {
        this.#slots.push({
          region,
          key: start + group.keys.offset + slot * group.keys.stride,
          elem: start + group.elems.offset + slot * group.elems.stride,
        });
      }
    }
  }
}

function isFull(control: number): boolean {
  return (control & CONTROL_EMPTY) === 0;
}
