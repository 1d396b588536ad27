/** Unit headers of .debug_info (DWARF 5 §7.5.1; DWARF 2 to 4 share the older form). */
import { DamagedError, Reader } from "../bytes/reader.ts";

export interface Unit {
  /** Of the header in .debug_info. */
  readonly offset: number;
  /** Of the root DIE. */
  readonly rootOffset: number;
  readonly end: number;
  readonly version: number;
  readonly addressSize: number;
  /** 4, or 8 in 64-bit DWARF. */
  readonly offsetSize: number;
  readonly abbreviationsOffset: number;
  // From the root DIE; set when the unit list is built, because forms of other attributes need them.
  addrBase: number;
  strOffsetsBase: number;
  rnglistsBase: number;
  loclistsBase: number;
  lowPc: number;
}

/** Go has a unit per package; a program with a million units does not exist. */
const MAX_UNITS = 1_000_000;
const UNIT_SKELETON = 4;
const UNIT_SPLIT_COMPILE = 5;
const UNIT_TYPE = 2;
const UNIT_SPLIT_TYPE = 6;

export function readUnits(info: Uint8Array): Unit[] {
  const units: Unit[] = [];
  const reader = new Reader(info);
  while (reader.left > 0) {
    if (units.length >= MAX_UNITS) throw new DamagedError("more than a million DWARF units");
    const unit = readUnit(reader);
    if (unit !== undefined) units.push(unit);
  }
  return units;
}

function readUnit(reader: Reader): Unit | undefined {
  const offset = reader.pos;
  let length = reader.u32();
  let offsetSize = 4;
  if (length === 0xffffffff) {
    length = reader.u64();
    offsetSize = 8;
  }
  reader.need(length);
  const end = reader.pos + length;
  const version = reader.u16();
  if (version < 2 || version > 5) {
    reader.seek(end);
    return undefined;
  }
  let unitType = 1;
  let addressSize: number;
  let abbreviationsOffset: number;
  if (version >= 5) {
    unitType = reader.u8();
    addressSize = reader.u8();
    abbreviationsOffset = reader.uint(offsetSize);
    if (unitType === UNIT_SKELETON || unitType === UNIT_SPLIT_COMPILE) reader.skip(8);
    if (unitType === UNIT_TYPE || unitType === UNIT_SPLIT_TYPE) reader.skip(8 + offsetSize);
  } else {
    abbreviationsOffset = reader.uint(offsetSize);
    addressSize = reader.u8();
  }
  const rootOffset = reader.pos;
  if (rootOffset > end) throw new DamagedError(`the DWARF unit at ${offset} is shorter than its header`);
  reader.seek(end);
  if (addressSize !== 8) return undefined;
  // DWARF 5 §7.26 ff.: without a base attribute the tables start behind their 8-byte (32-bit DWARF) headers.
  const base = version >= 5 ? offsetSize * 2 : 0;
  return {
    offset,
    rootOffset,
    end,
    version,
    addressSize,
    offsetSize,
    abbreviationsOffset,
    addrBase: base,
    strOffsetsBase: base,
    rnglistsBase: 0,
    loclistsBase: 0,
    lowPc: 0,
  };
}
