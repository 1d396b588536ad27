/**
 * Types of variables in generic functions. One body of code serves all type arguments of one shape, and what it says of
 * its variables is true of all of them: sizes, offsets, kinds. Names, and what pointers point to, only the dictionary of
 * a call tells.
 */
import type { GoType, UnknownType } from "./type.ts";

/** The compiler's name of the hidden parameter, and of the variable that literals capture in its stead. */
export const DICTIONARY = ".dict";
/** Arrays inside arrays; a damaged type may contain itself. */
const MAX_NESTING = 16;

/** True where the type is not known as long as the call's dictionary is not. */
export function isShaped(type: GoType): boolean {
  return type.inDictionary !== undefined || shapeName(type).includes(SHAPE);
}

/** As the shapes' package calls it: `go.shape.int`, `*go.shape.int`, `main.Pair[go.shape.int,string]`. */
export function shapeName({ name, linkName }: GoType): string {
  // The runtime's own types have it in their name, and in their linker's name with the package's path escaped.
  return name.includes(SHAPE) ? name : (linkName ?? name);
}

/** The package of shapes (cmd/compile/internal/types, ShapePkg). */
export const SHAPE = "go.shape.";
/** Why a pointer whose type is a shape is not followed. */
export const UNKNOWN_POINTEE = "only the instance's dictionary knows what this points to";

const NO_ARGUMENTS = "the type arguments of this call are not known";

/** In the place of such a type, for display: nothing is said of its values. */
export function undetermined({ size, align }: GoType): UnknownType {
  return { kind: "unknown", name: `<unavailable: ${NO_ARGUMENTS}>`, size, align, named: false, reason: NO_ARGUMENTS };
}

/** Whether `real` can be what `shaped` stands for. */
export function fitsShape(shaped: GoType, real: GoType, nesting = 0): boolean {
  if (shaped.kind !== real.kind || shaped.size !== real.size || shaped.align !== real.align) return false;
  if (shaped.kind === "struct" && real.kind === "struct")
    return (
      shaped.fields.length === real.fields.length &&
      shaped.fields.every(({ offset, type }, index) => {
        const other = real.fields[index]!;
        return offset === other.offset && type.kind === other.type.kind && type.size === other.type.size;
      })
    );
  if (shaped.kind === "array" && real.kind === "array")
    return shaped.length === real.length && nesting < MAX_NESTING && fitsShape(shaped.elem, real.elem, nesting + 1);
  if (shaped.kind === "interface" && real.kind === "interface") return shaped.empty === real.empty;
  return true;
}
