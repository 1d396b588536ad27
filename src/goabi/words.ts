/**
 * The words that a value is made of: the parts that the calling convention puts into registers, that DWARF describes as
 * pieces and that code holds one by one. One walk, so that no reader of types has a switch of its own.
 */
import type { GoType } from "./type.ts";

export interface Word {
  /** Bytes from the start of the value. */
  readonly offset: number;
  /** Bytes, 1 to 8. */
  readonly size: number;
  /** Travels in a floating-point register. */
  readonly float: boolean;
}

export type Words =
  | { readonly kind: "words"; readonly words: readonly Word[] }
  /** More than `limit`. */
  | { readonly kind: "many" }
  | { readonly kind: "unknown"; readonly reason: string };

/** Nesting of a sound type stays far below; a damaged type graph may contain itself. */
const MAX_TYPE_DEPTH = 64;
/** Fields and elements without size are no words, so only this bounds the walk over a damaged or huge type. */
const MAX_VISITS = 10_000;
const WORD = 8;

/** What a reader of types looks at on the way. */
export interface WordsVisitor {
  /** Why a type cannot be what it says; undefined where it can. */
  damageOf(type: GoType): string | undefined;
  /** The words inside it do not matter. */
  skips(type: GoType): boolean;
}

/** In memory order. */
export function wordsOf(type: GoType, limit: number, visitor?: WordsVisitor): Words {
  const words: Word[] = [];
  let visits = 0;

  function walk(type: GoType, offset: number, depth: number): string | undefined {
    if (++visits > MAX_VISITS || depth > MAX_TYPE_DEPTH) return `the type ${type.name} is nested too deeply`;
    if (words.length > limit) return undefined;
    const damage = visitor?.damageOf(type);
    if (damage !== undefined) return damage;
    if (visitor?.skips(type) === true) return undefined;
    switch (type.kind) {
      case "unknown":
        return type.reason;
      case "array": {
        let reason: string | undefined;
        for (let index = 0; index < type.length && words.length <= limit && reason === undefined; index++)
          reason = walk(type.elem, offset + index * type.elem.size, depth + 1);
        return reason;
      }
      case "struct": {
        for (const field of type.fields) {
          const reason = walk(field.type, offset + field.offset, depth + 1);
          if (reason !== undefined) return reason;
        }
        return undefined;
      }
      default:
        push(words, type, offset);
        return undefined;
    }
  }

  const reason = walk(type, 0, 0);
  if (words.length > limit) return { kind: "many" };
  return reason === undefined ? { kind: "words", words } : { kind: "unknown", reason };
}

/** Strings and interfaces are two words, slices three, complex numbers two floats; everything else is one. */
function push(words: Word[], type: GoType, offset: number): void {
  const float = type.kind.startsWith("float") || type.kind.startsWith("complex");
  const size = type.kind.startsWith("complex") ? type.size / 2 : Math.min(WORD, type.size);
  for (let at = 0; at < type.size; at += size) words.push({ offset: offset + at, size, float });
}
