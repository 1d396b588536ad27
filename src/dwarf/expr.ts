/** DWARF expressions (DWARF 5 §2.5, §2.6) that describe where a Go variable stands, as pieces without offsets yet. */

import { ARCHITECTURES, type Arch } from "../arch/arch.ts";
import { DamagedError, Reader } from "../bytes/reader.ts";
import type { Place } from "../goabi/location.ts";

export interface RawPiece {
  /** Bytes; undefined: the whole value. */
  readonly size: number | undefined;
  readonly place: Place;
}

const MAX_OPERATIONS = 1000;

/**
 * Evaluates an expression at a function's first instruction, where the CFA's distance from SP is known, or elsewhere
 * (`atEntry` false), where it is not. The frame base is the CFA, as in every function that Go's compiler describes.
 */
export function evaluate(expression: Uint8Array, arch: Arch, atEntry = true): RawPiece[] {
  const reader = new Reader(expression);
  const pieces: RawPiece[] = [];
  let place: Place | undefined;
  let constant: number | undefined;
  for (let i = 0; reader.left > 0; i++) {
    if (i > MAX_OPERATIONS) throw new DamagedError("a DWARF expression without an end");
    const op = reader.u8();
    if (op === 0x93) {
      // DW_OP_piece; without a place before it the compiler optimised that part away.
      pieces.push({ size: reader.uleb(), place: place ?? { at: "unknown", reason: "optimised away" } });
      place = undefined;
    } else if (op >= 0x50 && op <= 0x6f) place = register(arch, op - 0x50);
    else if (op === 0x90) place = register(arch, reader.uleb());
    else if (op === 0x9c) place = { at: "cfa", offset: 0 };
    else if (op === 0x91) place = { at: "cfa", offset: reader.sleb() };
    else if (op >= 0x70 && op <= 0x8f) place = based(arch, op - 0x70, reader.sleb(), atEntry);
    else if (op === 0x92) place = based(arch, reader.uleb(), reader.sleb(), atEntry);
    else if (op === 0x11) constant = reader.sleb();
    else if (op === 0x10) constant = reader.uleb();
    else if (op === 0x22 && place?.at === "cfa" && constant !== undefined)
      place = { at: "cfa", offset: place.offset + constant };
    else if (op === 0x23 && place?.at === "cfa") place = { at: "cfa", offset: place.offset + reader.uleb() };
    else
      return [
        { size: undefined, place: { at: "unknown", reason: `DWARF operation 0x${op.toString(16)} at the entry` } },
      ];
  }
  if (place !== undefined && pieces.length === 0) return [{ size: undefined, place }];
  return pieces;
}

function register(arch: Arch, number: number): Place {
  const name = ARCHITECTURES[arch].dwarfRegister(number);
  return name === undefined
    ? { at: "unknown", reason: `DWARF register ${number}` }
    : { at: "register", register: name };
}

function based(arch: Arch, number: number, offset: number, atEntry: boolean): Place {
  const { dwarfStackPointer, cfaAtEntry } = ARCHITECTURES[arch];
  if (atEntry && number === dwarfStackPointer) return { at: "cfa", offset: offset - cfaAtEntry };
  return { at: "unknown", reason: `in memory at DWARF register ${number}` };
}
