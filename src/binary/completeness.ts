/**
 * Is DWARF's parameter list the whole list? Blank parameters (Go ≤ 1.21) and an unused `.dict` take registers but are
 * left out of optimised DWARF, and one parameter missing shifts all that follow. The binary holds two witnesses that
 * count every parameter: `_func.args`, the size of the argument area, and FUNCDATA_ArgInfo, its contents. Only a list
 * that reproduces both is called complete.
 */
import { assignSignature } from "../goabi/assign.ts";
import type { Arch, CallingConvention, Location } from "../goabi/location.ts";
import type { GoType } from "../goabi/type.ts";
import type { Variable } from "./api.ts";
import { encodeArgInfo } from "./argInfo.ts";

export interface Witnesses {
  readonly arch: Arch;
  readonly convention: CallingConvention;
  readonly goMinor: number;
  /** Linker's name, which tells whether the function is a generic instance. */
  readonly name: string;
  /** `_func.args`. */
  readonly argsSize: number;
  /** Bytes at FUNCDATA_ArgInfo, longer than the stream itself; undefined where the function has none. */
  readonly argInfo: Uint8Array | undefined;
}

export interface JudgedParams {
  readonly params: readonly Variable[];
  readonly complete: boolean;
}

/** `_func.args` of functions whose argument size the compiler does not know (assembly). */
const ARGS_SIZE_UNKNOWN = -0x8000_0000;

export function judgeParams(params: readonly Variable[], results: readonly Variable[], from: Witnesses): JudgedParams {
  for (const candidate of candidates(params, from.name))
    if (fits(candidate, results, from)) return { params: candidate, complete: true };
  return { params, complete: false };
}

/** The list as it is, then with the dictionary where the compiler puts it: after the receiver (first, before 1.20). */
function* candidates(params: readonly Variable[], name: string): Iterable<readonly Variable[]> {
  yield params;
  if (!name.includes("[") || params.some((param) => param.name === ".dict")) return;
  if (params.length > 0) yield [params[0]!, DICTIONARY, ...params.slice(1)];
  yield [DICTIONARY, ...params];
}

const DICTIONARY: Variable = {
  name: ".dict",
  type: { kind: "uintptr", name: "uintptr", size: 8, align: 8, named: false },
  blank: true,
};

function fits(params: readonly Variable[], results: readonly Variable[], from: Witnesses): boolean {
  if (from.argsSize === ARGS_SIZE_UNKNOWN) return false;
  const types = params.map((param) => param.type);
  const resultTypes = results.map((result) => result.type);
  if (types.some((type) => type.size < 0)) return false;
  const placed = assignSignature(from.arch, from.convention, types, resultTypes);
  if (swapped(params, placed.params)) return false;
  const frame = argumentArea(from.arch, from.convention, types, resultTypes, placed.params, placed.results);
  if (frame === undefined || frame.size !== from.argsSize) return false;
  if (from.convention === "stack" && from.argInfo === undefined) return everyPlaceAgrees(params, placed.params);
  if (params.length === 0) return true;
  if (from.argInfo === undefined) return false;
  return argInfoAgrees(params, types, frame.offsets, placed.params, from);
}

function argInfoAgrees(
  params: readonly Variable[],
  types: readonly GoType[],
  offsets: readonly number[],
  placed: readonly Location[],
  from: Witnesses,
): boolean {
  // Since 1.20 the stream leaves out the first parameter of functions with "[" in their name, meaning the dictionary.
  const starts = from.goMinor >= 20 && from.name.includes("[") ? [1, 0] : [0];
  for (const start of starts) {
    const expected = encodeArgInfo(types.slice(start), offsets.slice(start));
    if (!startsWith(from.argInfo!, expected.bytes)) continue;
    // Since 1.22 blank parameters are declared like others (`~p0`), so none is missing behind the tenth part either.
    if (!expected.truncated || from.goMinor >= 22) return true;
    return everyPlaceAgrees(params, placed);
  }
  return false;
}

interface ArgumentArea {
  readonly offsets: readonly number[];
  readonly size: number;
}

/** abi-internal.md: stack parameters, stack results, then a spill slot for each register parameter. */
function argumentArea(
  arch: Arch,
  convention: CallingConvention,
  types: readonly GoType[],
  resultTypes: readonly GoType[],
  params: readonly Location[],
  results: readonly Location[],
): ArgumentArea | undefined {
  const first = arch === "arm64" ? 8 : 0;
  let end = 0;
  const offsets: (number | undefined)[] = [];
  const stackEnd = (location: Location, type: GoType): number | undefined => {
    const piece = location[0];
    if (piece === undefined) {
      // Zero-sized values stand on the stack and only align it.
      end = alignUp(end, type.align);
      return end;
    }
    if (piece.place.at !== "cfa") return undefined;
    end = piece.place.offset - first + type.size;
    return piece.place.offset - first;
  };
  for (const [index, location] of params.entries()) {
    if (location.some((piece) => piece.place.at === "unknown")) return undefined;
    offsets.push(stackEnd(location, types[index]!));
  }
  end = alignUp(end, 8);
  for (const [index, location] of results.entries()) {
    if (location.some((piece) => piece.place.at === "unknown") && convention === "stack") return undefined;
    stackEnd(location, resultTypes[index]!);
  }
  end = alignUp(end, 8);
  for (const [index, offset] of offsets.entries()) {
    if (offset !== undefined) continue;
    const type = types[index]!;
    end = alignUp(end, type.align);
    offsets[index] = end;
    end += type.size;
  }
  return { offsets: offsets.map((offset) => offset ?? 0), size: alignUp(end, 8) };
}

/** Two parameters of which DWARF puts each in the other's place: the list is out of order. */
function swapped(params: readonly Variable[], placed: readonly Location[]): boolean {
  for (const [i, param] of params.entries()) {
    if (param.dwarf === undefined || samePlaces(param.dwarf, placed[i]!)) continue;
    for (const [j, other] of params.entries())
      if (
        j > i &&
        other.dwarf !== undefined &&
        samePlaces(param.dwarf, placed[j]!) &&
        samePlaces(other.dwarf, placed[i]!)
      )
        return true;
  }
  return false;
}

function everyPlaceAgrees(params: readonly Variable[], placed: readonly Location[]): boolean {
  return params.every((param, index) => {
    if (param.type.size === 0 || param.blank) return true;
    return param.dwarf !== undefined && samePlaces(param.dwarf, placed[index]!);
  });
}

function samePlaces(a: Location, b: Location): boolean {
  return place(a) === place(b);
}

function place(location: Location): string {
  const first = location[0];
  if (first?.place.at === "cfa") return `cfa ${first.place.offset}`;
  return location.map((piece) => (piece.place.at === "register" ? piece.place.register : "?")).join(" ");
}

function startsWith(bytes: Uint8Array, expected: readonly number[]): boolean {
  return expected.every((byte, index) => bytes[index] === byte);
}

function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}
