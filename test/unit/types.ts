/** Go types for tests, as the compiler lays them out on 64-bit machines. */
import type { GoType, ScalarKind, StructField } from "../../src/goabi/type.ts";

const SIZES: Record<ScalarKind, number> = {
  bool: 1,
  int: 8,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  uintptr: 8,
  float32: 4,
  float64: 8,
  complex64: 8,
  complex128: 16,
  string: 16,
  "unsafe.Pointer": 8,
};

export function scalar(kind: ScalarKind, name?: string): GoType {
  const align = kind === "complex64" ? 4 : Math.min(SIZES[kind], 8);
  return { kind, name: name ?? kind, size: SIZES[kind], align, named: name !== undefined };
}

export function pointer(elem: GoType): GoType {
  return { ...word(`*${elem.name}`), kind: "ptr", elem };
}

export function slice(elem: GoType, name?: string): GoType {
  return { kind: "slice", name: name ?? `[]${elem.name}`, size: 24, align: 8, named: name !== undefined, elem };
}

export function array(elem: GoType, length: number, name?: string): GoType {
  const size = elem.size * length;
  return {
    kind: "array",
    name: name ?? `[${length}]${elem.name}`,
    size,
    align: elem.align,
    named: name !== undefined,
    elem,
    length,
  };
}

/** Fields at their natural places, padded as the compiler does. */
export function struct(name: string, fields: readonly [string, GoType][], named = true): GoType {
  let size = 0;
  let align = 1;
  const placed = fields.map(([fieldName, type]) => {
    size = Math.ceil(size / type.align) * type.align;
    align = Math.max(align, type.align);
    const offset = size;
    size += type.size;
    return { name: fieldName, offset, embedded: false, type };
  });
  return { kind: "struct", name, size: Math.ceil(size / align) * align, align, named, fields: placed };
}

/** As damaged debug information could have it. */
export function structOfItself(name: string): GoType {
  const fields: StructField[] = [];
  const type: GoType = { kind: "struct", name, size: 8, align: 8, named: true, fields };
  fields.push({ name: "Me", offset: 0, embedded: false, type });
  return type;
}

export function map(key: GoType, elem: GoType): GoType {
  return { ...word(`map[${key.name}]${elem.name}`), kind: "map", key, elem };
}

export function chan(elem: GoType, direction: "both" | "send" | "receive" = "both"): GoType {
  const name = { both: "chan", send: "chan<-", receive: "<-chan" }[direction];
  return { ...word(`${name} ${elem.name}`), kind: "chan", elem, direction };
}

export function func(name = "func()"): GoType {
  return { ...word(name), kind: "func" };
}

export function iface(name: string, empty = false): GoType {
  return { kind: "interface", name, size: 16, align: 8, named: !empty, empty };
}

export function unknown(name: string, reason: string): GoType {
  return { kind: "unknown", name, size: -1, align: 1, named: true, reason };
}

function word(name: string): { name: string; size: number; align: number; named: boolean } {
  return { name, size: 8, align: 8, named: false };
}
