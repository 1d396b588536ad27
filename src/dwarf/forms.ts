/** Attribute values by form (DWARF 5 §7.5.5, §7.5.6). */
import { DamagedError, type Reader, textAt } from "../bytes/reader.ts";
import { FORM } from "./constants.ts";
import type { Unit } from "./unit.ts";

/** Section texts and addresses that forms refer to. */
export interface FormSections {
  readonly str: Uint8Array | undefined;
  readonly lineStr: Uint8Array | undefined;
  readonly strOffsets: Uint8Array | undefined;
  readonly addr: Uint8Array | undefined;
}

/** A number (constants, addresses, section offsets, absolute references), a text, or a block. */
export type FormValue = number | string | Uint8Array | undefined;

/** Reads one value and moves the reader past it. References come out as offsets in .debug_info. */
export function readForm(
  reader: Reader,
  form: number,
  unit: Unit,
  sections: FormSections,
  implicit: number,
): FormValue {
  switch (form) {
    case FORM.addr:
      return reader.uint(unit.addressSize);
    case FORM.data1:
    case FORM.flag:
      return reader.u8();
    case FORM.data2:
      return reader.u16();
    case FORM.data4:
      return reader.u32();
    case FORM.data8: {
      // A constant may use all 64 bits (hashes, large enum values); addresses and sizes never do.
      const value = reader.big64();
      return value < 1n << 53n ? Number(value) : Number(BigInt.asIntN(64, value));
    }
    case FORM.sdata:
      return reader.sleb();
    case FORM.udata:
      return reader.uleb();
    case FORM.flagPresent:
      return 1;
    case FORM.implicitConst:
      return implicit;
    case FORM.string:
      return reader.cstring();
    case FORM.strp:
      return text(sections.str, reader.uint(unit.offsetSize));
    case FORM.lineStrp:
      return text(sections.lineStr, reader.uint(unit.offsetSize));
    case FORM.refAddr:
      return reader.uint(unit.version <= 2 ? unit.addressSize : unit.offsetSize);
    case FORM.ref1:
      return unit.offset + reader.u8();
    case FORM.ref2:
      return unit.offset + reader.u16();
    case FORM.ref4:
      return unit.offset + reader.u32();
    case FORM.ref8:
      return unit.offset + reader.u64();
    case FORM.refUdata:
      return unit.offset + reader.uleb();
    case FORM.secOffset:
      return reader.uint(unit.offsetSize);
    case FORM.exprloc:
    case FORM.block:
      return reader.take(reader.uleb());
    case FORM.block1:
      return reader.take(reader.u8());
    case FORM.block2:
      return reader.take(reader.u16());
    case FORM.block4:
      return reader.take(reader.u32());
    case FORM.data16:
      return reader.take(16);
    case FORM.addrx:
      return indexedAddress(sections, unit, reader.uleb());
    case FORM.addrx1:
    case FORM.addrx2:
    case FORM.addrx3:
    case FORM.addrx4:
      return indexedAddress(sections, unit, reader.uint(form - FORM.addrx1 + 1));
    case FORM.strx:
      return indexedText(sections, unit, reader.uleb());
    case FORM.strx1:
    case FORM.strx2:
    case FORM.strx3:
    case FORM.strx4:
      return indexedText(sections, unit, reader.uint(form - FORM.strx1 + 1));
    case FORM.loclistx:
    case FORM.rnglistx:
      return reader.uleb();
    case FORM.indirect:
      return readForm(reader, indirectForm(reader), unit, sections, implicit);
    default:
      skipForm(reader, form, unit);
      return undefined;
  }
}

/** Moves past a value without making anything of it. */
export function skipForm(reader: Reader, form: number, unit: Unit): void {
  switch (form) {
    case FORM.flagPresent:
    case FORM.implicitConst:
      return;
    case FORM.data1:
    case FORM.flag:
    case FORM.ref1:
    case FORM.strx1:
    case FORM.addrx1:
      return reader.skip(1);
    case FORM.data2:
    case FORM.ref2:
    case FORM.strx2:
    case FORM.addrx2:
      return reader.skip(2);
    case FORM.strx3:
    case FORM.addrx3:
      return reader.skip(3);
    case FORM.data4:
    case FORM.ref4:
    case FORM.strx4:
    case FORM.addrx4:
    case FORM.refSup4:
      return reader.skip(4);
    case FORM.data8:
    case FORM.ref8:
    case FORM.refSig8:
    case FORM.refSup8:
      return reader.skip(8);
    case FORM.data16:
      return reader.skip(16);
    case FORM.addr:
      return reader.skip(unit.addressSize);
    case FORM.strp:
    case FORM.lineStrp:
    case FORM.secOffset:
    case FORM.strpSup:
    case FORM.gnuRefAlt:
    case FORM.gnuStrpAlt:
      return reader.skip(unit.offsetSize);
    case FORM.refAddr:
      return reader.skip(unit.version <= 2 ? unit.addressSize : unit.offsetSize);
    case FORM.sdata:
    case FORM.udata:
    case FORM.refUdata:
    case FORM.strx:
    case FORM.addrx:
    case FORM.loclistx:
    case FORM.rnglistx:
      return reader.skipLeb();
    case FORM.string:
      return reader.skipCstring();
    case FORM.exprloc:
    case FORM.block:
      return reader.skip(reader.uleb());
    case FORM.block1:
      return reader.skip(reader.u8());
    case FORM.block2:
      return reader.skip(reader.u16());
    case FORM.block4:
      return reader.skip(reader.u32());
    case FORM.indirect:
      return skipForm(reader, indirectForm(reader), unit);
    default:
      throw new DamagedError(`DWARF form 0x${form.toString(16)} is not known`);
  }
}

function indirectForm(reader: Reader): number {
  const form = reader.uleb();
  // Chained or constant-carrying indirection is forbidden (DWARF 5 §7.5.3) and would recurse without end.
  if (form === FORM.indirect || form === FORM.implicitConst)
    throw new DamagedError("an indirect form of an indirect form");
  return form;
}

function text(table: Uint8Array | undefined, offset: number): string {
  return (table === undefined ? undefined : textAt(table, offset)) ?? "";
}

export function indexedAddress(sections: Pick<FormSections, "addr">, unit: Unit, index: number): number {
  const at = unit.addrBase + index * unit.addressSize;
  const table = sections.addr;
  if (table === undefined || at + unit.addressSize > table.length)
    throw new DamagedError(`.debug_addr has no entry ${index}`);
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  return view.getUint32(at, true) + (view.getUint32(at + 4, true) & 0x1f_ffff) * 0x1_0000_0000;
}

function indexedText(sections: FormSections, unit: Unit, index: number): string {
  const at = unit.strOffsetsBase + index * unit.offsetSize;
  const table = sections.strOffsets;
  if (table === undefined || at + unit.offsetSize > table.length)
    throw new DamagedError(`.debug_str_offsets has no entry ${index}`);
  return text(sections.str, new DataView(table.buffer, table.byteOffset, table.byteLength).getUint32(at, true));
}
