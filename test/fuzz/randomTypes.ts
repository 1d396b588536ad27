/** Random Go types, sound ones and ones that only a damaged file can hold (wrong sizes, overlapping fields, cycles). */
import type { GoType, ScalarKind } from "../../src/goabi/type.ts";
import type { Random } from "./random.ts";

const SCALARS: readonly (readonly [ScalarKind, number])[] = [
  ["bool", 1], ["int", 8], ["int8", 1], ["int16", 2], ["int32", 4], ["int64", 8], ["uint", 8], ["uint8", 1],
  ["uint16", 2], ["uint32", 4], ["uint64", 8], ["uintptr", 8], ["float32", 4], ["float64", 8], ["complex64", 8],
  ["complex128", 16], ["string", 16], ["unsafe.Pointer", 8],
]; // biome-ignore format: a table
const NAMES = ["main.T", "time.Time", "time.Duration", "[]uint8", "interface {}", "main.Pair[int,string]", "", "größe"];
const SIZES = [-1, 0, 1, 3, 8, 24, 4096, 2 ** 31, 2 ** 40];

export function randomType(random: Random, depth: number): GoType {
  const sound = randomSound(random, depth);
  if (!random.once(12)) return sound;
  // What only a damaged file says.
  return { ...sound, size: random.pick(SIZES), align: random.pick([0, 1, 3, 8, 4096]) };
}

function randomSound(random: Random, depth: number): GoType {
  const named = random.once(3);
  const name = random.pick(NAMES);
  if (depth <= 0 || random.once(3)) {
    const [kind, size] = random.pick(SCALARS);
    return { kind, name: named ? name : kind, size, align: Math.min(8, size), named };
  }
  const word = { name, size: 8, align: 8, named };
  switch (random.below(9)) {
    case 0: {
      const pointer: { kind: "ptr"; elem: GoType } & typeof word = { ...word, kind: "ptr", elem: undefined as never };
      // A pointer may point to its own type.
      pointer.elem = random.once(4) ? pointer : randomType(random, depth - 1);
      return pointer;
    }
    case 1:
      return { ...word, size: 24, kind: "slice", elem: randomType(random, depth - 1) };
    case 2: {
      const elem = randomType(random, depth - 1);
      const length = random.once(10) ? 2 ** random.below(33) : random.below(5);
      return { ...word, kind: "array", elem, length, size: Math.max(0, elem.size) * length, align: elem.align };
    }
    case 3:
      return { ...word, kind: "map", key: randomType(random, depth - 1), elem: randomType(random, depth - 1) };
    case 4:
      return {
        ...word,
        kind: "chan",
        elem: randomType(random, depth - 1),
        direction: random.pick(["both", "send", "receive"]),
      };
    case 5:
      return { ...word, kind: "func" };
    case 6:
      return { ...word, size: 16, kind: "interface", empty: random.once(2) };
    case 7:
      return { ...word, size: random.pick(SIZES), kind: "unknown", reason: "fuzzed" };
    default:
      return randomStruct(random, depth, name);
  }
}

function randomStruct(random: Random, depth: number, name: string): GoType {
  const fields = [];
  let end = 0;
  let align = 1;
  for (let i = random.below(6); i > 0; i--) {
    const type = randomType(random, depth - 1);
    const step = Math.max(1, type.align);
    let offset = Math.ceil(end / step) * step;
    if (random.once(30)) offset = random.below(100); // overlapping, or beyond the end
    fields.push({ name: random.once(6) ? "_" : `F${i}`, offset, embedded: random.once(6), type });
    end = offset + Math.max(0, type.size);
    align = Math.max(align, step);
  }
  return { kind: "struct", name, named: name !== "", size: Math.ceil(end / align) * align, align, fields };
}
