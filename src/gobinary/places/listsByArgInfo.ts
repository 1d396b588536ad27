/**
 * Go 1.17 to 1.21 with a blank parameter that DWARF leaves out: FUNCDATA_ArgInfo has an entry for each parameter, but
 * does not tell which entries are the blank ones, nor whether eight bytes are an integer or a float. Here all lists that
 * it allows are made; a place that is the same in all of them is proven.
 */

import { ARCHITECTURES, type Arch } from "../../arch/arch.ts";
import { type Assignment, assignSignature } from "../../goabi/assign.ts";
import { roundUp, SCALAR_LAYOUTS } from "../../goabi/layout.ts";
import type { CallingConvention, Location } from "../../goabi/location.ts";
import type { GoType, ScalarKind } from "../../goabi/type.ts";
import { type ArgNode, encodeArgInfo, MAX_ARG_INFO_OFFSET, parseArgInfo } from "./argInfo.ts";
import { argumentArea } from "./argumentArea.ts";
import type { ListedVariable } from "./listedVariable.ts";
import type { ProvenPlaces } from "./listsByArgumentSize.ts";

/** More lists than this are not tried: three blank numbers among eight others make some 1 300. */
const MAX_LISTS = 2048;

export interface ArgInfoWitness {
  readonly arch: Arch;
  readonly convention: CallingConvention;
  readonly argsSize: number;
  readonly argInfo: Uint8Array | undefined;
}

export function provenByArgInfo(
  params: readonly ListedVariable[],
  results: readonly ListedVariable[],
  from: ArgInfoWitness,
): ProvenPlaces {
  const nothing = { params: [], results: [] };
  if (from.argInfo === undefined || [...params, ...results].some(({ type }) => type.size < 0)) return nothing;
  const nodes = parseArgInfo(from.argInfo);
  if (nodes === undefined) return provenWithoutRoom(params, results, from);
  const lists: Placed[] = [];
  let count = 0;
  for (const list of possibleLists(nodes, params)) {
    if (++count > MAX_LISTS) return nothing;
    const placed = placedList(list, results, from);
    if (placed !== undefined) lists.push(placed);
  }
  return sameInAll(withDwarf(lists, params), params, results);
}

function sameInAll(
  lists: readonly Placed[],
  params: readonly ListedVariable[],
  results: readonly ListedVariable[],
): ProvenPlaces {
  return {
    params: params.map((_, index) => same(lists.map((list) => list.params[index]!))),
    results: results.map((_, index) => same(lists.map((list) => list.results[index]!))),
  };
}

/**
 * Of a stream that is cut off, the list that DWARF has explains the part that is there, and the size of the argument
 * area. A blank parameter behind that part can only hide in the area's padding. Where blank parameters cannot push
 * another one out of the registers, they move others only along, and then one that is smaller than a word moves alone
 * whatever several do.
 */
function provenWithoutRoom(
  params: readonly ListedVariable[],
  results: readonly ListedVariable[],
  from: ArgInfoWitness,
): ProvenPlaces {
  const nothing = { params: [], results: [] };
  const listed = params.map(({ type }) => ({ type, blank: false }));
  const asListed = placedList(listed, results, from);
  if (asListed === undefined || canPush(asListed, params, results, from)) return nothing;
  const lists = [asListed];
  for (let at = 0; at <= params.length; at++) {
    for (const type of SMALL_TYPES) {
      const placed = placedList([...listed.slice(0, at), { type, blank: true }, ...listed.slice(at)], results, from);
      if (placed !== undefined) lists.push(placed);
    }
  }
  const left = withDwarf(lists, params);
  return left.includes(asListed) ? sameInAll(left, params, results) : nothing;
}

/** Whether blank parameters might push one of these to the stack, and all still take as much as the binary records. */
function canPush(
  placed: Placed,
  params: readonly ListedVariable[],
  results: readonly ListedVariable[],
  { arch, convention, argsSize }: ArgInfoWitness,
): boolean {
  const [types, resultTypes] = [params.map(({ type }) => type), results.map(({ type }) => type)];
  const area = argumentArea(arch, convention, types, resultTypes, placed.params, placed.results);
  if (area === undefined) return true;
  const inRegisters = placed.params.map((location) => registersOf(location).length > 0);
  const stackBytes = (locations: readonly Location[], own: readonly GoType[]) =>
    own.reduce((sum, { size }, index) => (registersOf(locations[index]!).length > 0 ? sum : sum + size), 0);
  const onStack = stackBytes(placed.params, types);
  // One more on the stack would move the registers' part of the area, of which the stream has the start, unless there is
  // room for it in the padding.
  const { covered } = encodeArgInfo(types, area.offsets);
  const first = inRegisters.indexOf(true);
  const starts = first === -1 ? argsSize : area.offsets[first]!;
  const isFull = onStack % WORD === 0 && starts === onStack + roundUp(stackBytes(placed.results, resultTypes), WORD);
  const room = starts - onStack - stackBytes(placed.results, resultTypes);
  const smallest = Math.min(...types.flatMap(({ size }, index) => (inRegisters[index] === true ? size : [])));
  const isTold = first !== -1 && first < covered && starts <= MAX_ARG_INFO_OFFSET;
  if (isTold && (isFull || room < smallest)) return false;
  const padding = argsSize - onStack - stackBytes(placed.results, resultTypes) - registerBytes(types, inRegisters);
  const used = registersOf(placed.params.flat());
  const { integerRegisters, floatRegisters } = ARCHITECTURES[arch];
  const floats = used.filter((name) => floatRegisters.includes(name)).length;
  const ints = used.length - floats;
  return (
    padding >= WORD ||
    ints + padding > integerRegisters.length ||
    floats + padding / SMALLEST_FLOAT_BYTES > floatRegisters.length
  );
}

function registerBytes(types: readonly GoType[], inRegisters: readonly boolean[]): number {
  return types.reduce((sum, { size }, index) => (inRegisters[index] === true ? sum + size : sum), 0);
}

const WORD = 8;
const SMALLEST_FLOAT_BYTES = 4;

/** Places of the listed parameters and of the results, for one possible list. */
interface Placed {
  readonly params: readonly Location[];
  readonly results: readonly Location[];
}

/** Undefined where the sizes and offsets that the binary records are others. */
function placedList(
  list: readonly Entry[],
  results: readonly ListedVariable[],
  { arch, convention, argsSize, argInfo }: ArgInfoWitness,
): Placed | undefined {
  const types = list.map(({ type }) => type);
  const resultTypes = results.map(({ type }) => type);
  const placed: Assignment = assignSignature(arch, convention, types, resultTypes);
  const area = argumentArea(arch, convention, types, resultTypes, placed.params, placed.results);
  if (area?.size !== argsSize) return undefined;
  if (!encodeArgInfo(types, area.offsets).bytes.every((byte, index) => argInfo![index] === byte)) return undefined;
  return { params: placed.params.filter((_, index) => !list[index]!.blank), results: placed.results };
}

/**
 * The lists that agree with DWARF's registers. DWARF sometimes names the register of another parameter that the code
 * assigned to this one, so it counts only where no list left has another parameter in it.
 */
function withDwarf(lists: readonly Placed[], params: readonly ListedVariable[]): readonly Placed[] {
  let left = lists;
  for (let before = -1; before !== left.length; ) {
    before = left.length;
    for (const [index, { dwarf }] of params.entries()) {
      const claimed = registersOf(dwarf ?? []);
      const anothers = left.some((list) =>
        list.params.some(
          (place, other) => other !== index && registersOf(place).some((name) => claimed.includes(name)),
        ),
      );
      if (claimed.length === 0 || anothers) continue;
      left = left.filter((list) => {
        const own = registersOf(list.params[index]!);
        return claimed.every((name) => own.includes(name));
      });
    }
  }
  return left;
}

function registersOf(location: Location): string[] {
  return location.flatMap(({ place }) => (place.at === "register" ? [place.register] : []));
}

function same(places: readonly Location[]): Location | undefined {
  const [first] = places;
  if (first === undefined || first.some(({ place }) => place.at === "unknown")) return undefined;
  return places.every((place) => JSON.stringify(place) === JSON.stringify(first)) ? first : undefined;
}

interface Entry {
  readonly type: GoType;
  readonly blank: boolean;
}

/** Every way to find the parameters, in order, among the entries; the other entries are blank ones of every kind. */
function* possibleLists(nodes: readonly ArgNode[], params: readonly ListedVariable[]): Iterable<readonly Entry[]> {
  const [node, ...nodesLeft] = nodes;
  const [param, ...paramsLeft] = params;
  if (node === undefined) {
    if (param === undefined) yield [];
    return;
  }
  if (param !== undefined && hasShape(param.type, node))
    for (const rest of possibleLists(nodesLeft, paramsLeft)) yield [{ type: param.type, blank: false }, ...rest];
  if (nodes.length > params.length)
    for (const rest of possibleLists(nodesLeft, params))
      for (const type of typesOf(node)) yield [{ type, blank: true }, ...rest];
}

function hasShape(type: GoType, node: ArgNode): boolean {
  const [own] = parseArgInfo(Uint8Array.from(encodeArgInfo([type], [0]).bytes)) ?? [];
  return own !== undefined && isAlike(own, node);
}

function isAlike(a: ArgNode, b: ArgNode): boolean {
  if (!("parts" in a)) return !("parts" in b) && a.size === b.size;
  if (!("parts" in b) || a.parts.length !== b.parts.length) return false;
  return a.parts.every((part, index) => isAlike(part, b.parts[index]!));
}

/** Numbers of each size: those that travel in integer registers first. */
const NUMBERS: Readonly<Record<number, readonly ScalarKind[]>> = {
  1: ["uint8"],
  2: ["uint16"],
  4: ["uint32", "float32"],
  8: ["uintptr", "float64"],
};

/** What is smaller than a word, as far as the calling convention tells it apart: arrays stand on the stack. */
const SMALL_TYPES: readonly GoType[] = [
  ...(["uint8", "uint16", "uint32", "float32"] as const).map(
    (kind): GoType => ({ kind, name: kind, ...SCALAR_LAYOUTS[kind], named: false }),
  ),
  ...[2, 3, 4, 5, 6, 7].map((length): GoType => {
    const elem = { kind: "uint8", name: "uint8", ...SCALAR_LAYOUTS.uint8, named: false } as const;
    return { kind: "array", name: "", size: length, align: 1, named: false, elem, length };
  }),
];

/** The types that an entry may stand for, as far as the calling convention tells them apart. */
function* typesOf(node: ArgNode): Iterable<GoType> {
  if (!("parts" in node)) {
    for (const kind of NUMBERS[node.size] ?? []) yield { kind, name: kind, ...SCALAR_LAYOUTS[kind], named: false };
    return;
  }
  for (const parts of combinations(node.parts)) {
    yield structOf(node, parts);
    const [elem] = parts;
    const array = parts.length > 1 && parts.every((part) => JSON.stringify(part) === JSON.stringify(elem));
    if (array) yield { ...structOf(node, parts), kind: "array", elem: elem!, length: parts.length };
  }
}

function* combinations(nodes: readonly ArgNode[]): Iterable<GoType[]> {
  const [node, ...rest] = nodes;
  if (node === undefined) yield [];
  else for (const others of combinations(rest)) for (const type of typesOf(node)) yield [type, ...others];
}

function structOf(
  node: ArgNode & { parts: readonly ArgNode[] },
  parts: readonly GoType[],
): GoType & { kind: "struct" } {
  const start = startOf(node);
  const fields = parts.map((type, index) => ({
    name: "_",
    offset: startOf(node.parts[index]!) - start,
    embedded: false,
    type,
  }));
  const align = Math.max(1, ...parts.map((part) => part.align));
  const end = Math.max(0, ...fields.map(({ offset, type }) => offset + type.size));
  return { kind: "struct", name: "struct {…}", size: Math.ceil(end / align) * align, align, named: false, fields };
}

function startOf(node: ArgNode): number {
  if (!("parts" in node)) return node.offset;
  return node.parts[0] === undefined ? 0 : startOf(node.parts[0]);
}
