/** Field selection with promotion through embedded structs (Go spec, "Selectors"). */
import type { GoType, StructField } from "../goabi/type.ts";

/** Levels of embedding; a damaged type may embed itself. */
const MAX_DEPTH = 16;
/** Structs looked at; the same bound for width. */
const MAX_STRUCTS = 1000;

/** The fields from `type`, a struct or a pointer to one, to the named one; the last is the field itself. */
export function findField(type: GoType, name: string): readonly StructField[] | "ambiguous" | undefined {
  if (name === "_") return undefined;
  let level: { readonly path: readonly StructField[]; readonly type: GoType }[] = [{ path: [], type }];
  const seen = new Set<string>();
  let looked = 0;
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const found: (readonly StructField[])[] = [];
    const next: typeof level = [];
    const entered = new Set<string>();
    for (const { path, type: outer } of level) {
      const struct = outer.kind === "ptr" ? outer.elem : outer;
      if (struct.kind !== "struct" || ++looked > MAX_STRUCTS) continue;
      const key = struct.linkName ?? struct.name;
      // At a deeper level it would only hide what it has shown at this one.
      if (struct.named && seen.has(key)) continue;
      if (struct.named) entered.add(key);
      for (const field of struct.fields) {
        if (field.name === name) found.push([...path, field]);
        else if (field.embedded) next.push({ path: [...path, field], type: field.type });
      }
    }
    if (found.length > 1) return "ambiguous";
    if (found[0] !== undefined) return found[0];
    for (const key of entered) seen.add(key);
    level = next;
  }
  return undefined;
}
