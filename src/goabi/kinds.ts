/** reflect.Kind's names by number; DWARF (DW_AT_go_kind) and the runtime's type descriptors use them alike. */
import type { GoType } from "./type.ts";

export type ReflectKind = Exclude<GoType["kind"], "unknown">;

/** Number 0 is reflect.Invalid. */
export const REFLECT_KINDS: readonly (ReflectKind | undefined)[] = [
  undefined,
  "bool",
  ...(["int", "int8", "int16", "int32", "int64"] as const),
  ...(["uint", "uint8", "uint16", "uint32", "uint64", "uintptr"] as const),
  ...(["float32", "float64", "complex64", "complex128"] as const),
  ...(["array", "chan", "func", "interface", "map", "ptr", "slice", "string", "struct", "unsafe.Pointer"] as const),
];
