/**
 * Is DWARF's parameter list the whole list? Blank parameters (Go ≤ 1.21) and an unused `.dict` take registers but are
 * left out of optimised DWARF, and one parameter missing shifts all that follow. The binary holds two witnesses that
 * count every parameter: `_func.args`, the size of the argument area, and FUNCDATA_ArgInfo, its contents. Only a list
 * that reproduces both is called complete.
 */
import { type Assignment, assignSignature } from "../goabi/assign.ts";
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
  for (const candidate of candidates(params, from))
    if (fits(candidate, results, from)) return { params: candidate, complete: true };
  // Without FUNCDATA_ArgInfo (Go ≤ 1.16) only DWARF's places would tell of a gap, and there a struct or string of which one
  // word is used is said to stand where that word stands: `q padded` of (p point, q padded) at CFA+18 instead of CFA+16.
  if (from.goMinor < DECLARES_BLANKS && from.argInfo !== undefined)
    for (const filled of gapsFilled(params, results, from, MAX_INSERTED_BLANKS))
      if (everyPlaceAgrees(filled, place(filled, results, from).params) && fits(filled, results, from))
        return { params: filled, complete: true };
  return { params, complete: false };
}

/**
 * Why a list from elsewhere (the user's source) cannot be the function's; undefined where the binary's witnesses agree
 * with it or are silent.
 */
export function contradictionOf(
  params: readonly Variable[],
  results: readonly Variable[],
  from: Witnesses,
): string | undefined {
  const types = params.map((param) => param.type);
  const resultTypes = results.map((result) => result.type);
  if (from.argsSize === ARGS_SIZE_UNKNOWN || from.argsSize < 0 || types.some((type) => type.size < 0)) return undefined;
  const placed = place(params, results, from);
  const frame = argumentArea(from.arch, from.convention, types, resultTypes, placed.params, placed.results);
  if (frame === undefined) return undefined;
  if (resultTypes.every((type) => type.size >= 0) && frame.size !== from.argsSize)
    return `its arguments would take ${frame.size} bytes, those of the binary's function take ${from.argsSize}`;
  if (from.argInfo === undefined || params.length === 0) return undefined;
  const starts = from.goMinor >= 18 && from.name.includes("[") ? [1, 0] : [0];
  const agrees = starts.some((start) =>
    startsWith(from.argInfo!, encodeArgInfo(types.slice(start), frame.offsets.slice(start)).bytes),
  );
  return agrees ? undefined : "its parameters are not of the sizes that the binary records (FUNCDATA_ArgInfo)";
}

/**
 * The list as it is, then with what the compiler hides: the dictionary of a generic instance, the receiver of a
 * generated method wrapper (`.this`), blank parameters at the end.
 */
function* candidates(params: readonly Variable[], from: Witnesses): Iterable<readonly Variable[]> {
  yield params;
  const { name } = from;
  if (name.includes("[") && !params.some((param) => param.name === ".dict")) {
    // A method's dictionary follows its receiver; the linker's name tells methods from functions.
    if (!name.endsWith("]") && params.length > 0) yield [params[0]!, hidden(".dict"), ...params.slice(1)];
    // 1.18 and 1.19 (noder/stencil.go) made methods into functions with the dictionary first.
    if (name.endsWith("]") || from.goMinor < 20) yield [hidden(".dict"), ...params];
  }
  if (/\(\*[^()]*\)\.[^.()]+$/.test(name)) yield [hidden(".this"), ...params];
  if (from.goMinor < DECLARES_BLANKS && from.convention === "register") yield* withTrailingBlanks(params);
}

/** Since 1.22 (cmd/compile/internal/ir/func.go DeclareParams) blank parameters are declared like others, as `~p0`. */
const DECLARES_BLANKS = 22;
/** Blank parameters tried at the end of a list. */
const MAX_TRAILING_BLANKS = 4;

/** Up to a few words or smaller numbers that nothing follows: their kind moves no other parameter. */
function* withTrailingBlanks(params: readonly Variable[]): Iterable<readonly Variable[]> {
  for (const size of BLANK_SIZES)
    for (let count = 1; count <= MAX_TRAILING_BLANKS; count++)
      yield [...params, ...Array.from({ length: count }, () => hidden("_", size))];
}
const BLANK_SIZES = [8, 1, 4, 2] as const;

/** Blank parameters inserted before ones that DWARF has further on than the list explains. */
const MAX_INSERTED_BLANKS = 2;

/** Lists with blanks inserted until DWARF's places fit; the caller checks each with the other witnesses. */
function* gapsFilled(
  params: readonly Variable[],
  results: readonly Variable[],
  from: Witnesses,
  left: number,
): Iterable<readonly Variable[]> {
  if (left === 0) return;
  const placed = place(params, results, from).params;
  const at = params.findIndex(
    (param, i) => param.dwarf !== undefined && !param.blank && !samePlaces(param.dwarf, placed[i]!),
  );
  if (at < 0) return;
  for (const size of BLANK_SIZES)
    for (const floating of size >= 4 && from.convention === "register" ? [false, true] : [false]) {
      const filled = [...params.slice(0, at), hidden("_", size, floating), ...params.slice(at)];
      yield filled;
      if (from.convention === "register") yield* withTrailingBlanks(filled);
      yield* gapsFilled(filled, results, from, left - 1);
    }
}

/** A parameter that takes its place but is not shown. */
function hidden(name: string, size: (typeof BLANK_SIZES)[number] = 8, floating = false): Variable {
  const integer = ({ 1: "uint8", 2: "uint16", 4: "uint32", 8: "uintptr" } as const)[size];
  const kind = floating ? (size === 4 ? "float32" : "float64") : integer;
  return { name, type: { kind, name: kind, size, align: size, named: false }, blank: true };
}

function fits(params: readonly Variable[], results: readonly Variable[], from: Witnesses): boolean {
  if (from.argsSize === ARGS_SIZE_UNKNOWN) return false;
  const types = params.map((param) => param.type);
  const resultTypes = results.map((result) => result.type);
  if (types.some((type) => type.size < 0)) return false;
  const placed = place(params, results, from);
  if (swapped(params, placed.params)) return false;
  // A guessed parameter must not move one that DWARF has elsewhere.
  if (params.some((param) => param.blank && param.dwarf === undefined) && contradicted(params, placed.params, from))
    return false;
  const frame = argumentArea(from.arch, from.convention, types, resultTypes, placed.params, placed.results);
  if (frame === undefined || frame.size !== from.argsSize) return false;
  if (from.convention === "stack" && from.argInfo === undefined) return stackListAgrees(params, placed.params);
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
  // Since 1.18 the stream leaves out the first parameter of functions with "[" in their name, meaning the dictionary.
  const starts = from.goMinor >= 18 && from.name.includes("[") ? [1, 0] : [0];
  for (const start of starts) {
    const expected = encodeArgInfo(types.slice(start), offsets.slice(start));
    if (!startsWith(from.argInfo!, expected.bytes)) continue;
    // With blank parameters declared none can be missing behind the tenth part either.
    if (!expected.truncated || from.goMinor >= DECLARES_BLANKS) return true;
    const checked = start + expected.covered;
    return everyPlaceAgrees(params.slice(checked), placed.slice(checked));
  }
  return false;
}

function place(params: readonly Variable[], results: readonly Variable[], from: Witnesses): Assignment {
  return assignSignature(
    from.arch,
    from.convention,
    params.map((param) => param.type),
    results.map((result) => result.type),
  );
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

/**
 * Stack ABI, no FUNCDATA_ArgInfo: the total size has matched, so a parameter that DWARF leaves out can only hide in
 * padding, and only move parameters that are smaller than a word. Each of those must stand where DWARF has it.
 */
function stackListAgrees(params: readonly Variable[], placed: readonly Location[]): boolean {
  let end = 0;
  let padded = false;
  for (const [index, param] of params.entries()) {
    const piece = placed[index]![0];
    if (piece?.place.at !== "cfa") continue;
    if (piece.place.offset > end) padded = true;
    end = piece.place.offset + param.type.size;
  }
  if (!padded && end % 8 === 0) return true;
  return params.every((param, index) => {
    if (param.type.size === 0 || param.type.align === 8) return true;
    return param.dwarf !== undefined && samePlaces(param.dwarf, placed[index]!);
  });
}

/** Go 1.17's DWARF often names spill slots at the entry; registers that it names are right. */
function contradicted(params: readonly Variable[], placed: readonly Location[], from: Witnesses): boolean {
  if (from.convention === "stack") return false;
  return params.some((param, index) => {
    const known = param.dwarf?.filter((piece) => piece.place.at === "register") ?? [];
    return known.some((piece) => {
      const register = piece.place.at === "register" ? piece.place.register : "";
      return !placed[index]!.some(({ place }) => place.at === "register" && place.register === register);
    });
  });
}

function samePlaces(a: Location, b: Location): boolean {
  return placeText(a) === placeText(b);
}

function placeText(location: Location): string {
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
