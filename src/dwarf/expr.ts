/** DWARF expressions (DWARF 5 §2.5, §2.6) that describe where a Go variable stands, as pieces without offsets yet. */

import { DamagedError, Reader } from "../bytes/reader.ts";
import type { Arch, Place } from "../goabi/location.ts";

export interface RawPiece {
  /** Bytes; undefined: the whole value. */
  readonly size: number | undefined;
  readonly place: Place;
}

/** Go's amd64 numbers (cmd/internal/obj/x86/a.out.go AMD64DWARFRegisters): 0 RAX, 1 RDX, 2 RCX, 3 RBX, … */
const AMD64 = [
  "RAX",
  "RDX",
  "RCX",
  "RBX",
  "RSI",
  "RDI",
  "RBP",
  "RSP",
  "R8",
  "R9",
  "R10",
  "R11",
  "R12",
  "R13",
  "R14",
  "R15",
];
const MAX_OPERATIONS = 1000;

/**
 * Evaluates an expression at a function's first instruction, where on amd64 the CFA is SP + 8 and on arm64 SP, or
 * elsewhere (`atEntry` false), where what SP is worth is not known.
 * `cfaBase`: frame base is the CFA, as in every function that Go's compiler describes.
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
  const name = arch === "amd64" ? amd64(number) : arm64(number);
  return name === undefined
    ? { at: "unknown", reason: `DWARF register ${number}` }
    : { at: "register", register: name };
}

function amd64(number: number): string | undefined {
  return number >= 17 && number <= 32 ? `X${number - 17}` : AMD64[number];
}

function arm64(number: number): string | undefined {
  if (number >= 64 && number <= 95) return `F${number - 64}`;
  return number <= 30 ? `R${number}` : undefined;
}

function based(arch: Arch, number: number, offset: number, atEntry: boolean): Place {
  if (!atEntry) return { at: "unknown", reason: `in memory at DWARF register ${number}` };
  if (arch === "amd64" && number === 7) return { at: "cfa", offset: offset - 8 };
  if (arch === "arm64" && number === 31) return { at: "cfa", offset };
  return { at: "unknown", reason: `in memory at DWARF register ${number}` };
}
