/**
 * Go 1.17 to 1.21 with a blank parameter that DWARF leaves out: FUNCDATA_ArgInfo has an entry for each parameter, but
 * does not tell which entries are the blank ones, nor whether eight bytes are an integer or a float. Here all lists that
 * it allows are made; a place that is the same in all of them is proven.
 */

import type { Arch } from "../../arch/arch.ts";
import { type Assignment, assignSignature } from "../../goabi/assign.ts";
import { SCALAR_LAYOUTS } from "../../goabi/layout.ts";
import type { CallingConvention, Location } from "../../goabi/location.ts";
import type { GoType, ScalarKind } from "../../goabi/type.ts";
import { type ArgNode, encodeArgInfo, parseArgInfo } from "./argInfo.ts";
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
  const nodes = from.argInfo === undefined ? undefined : parseArgInfo(from.argInfo);
  if (nodes === undefined || [...params, ...results].some(({ type }) => type.size < 0)) return nothing;
  const lists: Placed[] = [];
  let count = 0;
  for (const list of possibleLists(nodes, params)) {
    if (++count > MAX_LISTS) return nothing;
    const placed = placedList(list, results, from);
    if (placed !== undefined) lists.push(placed);
  }
  const left = withDwarf(lists, params);
  return {
    params: params.map((_, index) => same(left.map((list) => list.params[index]!))),
    results: results.map((_, index) => same(left.map((list) => list.results[index]!))),
  };
}

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
