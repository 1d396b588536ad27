/**
 * Go types from DWARF type DIEs, made when asked for: reading `elem` or `fields` of a type parses what it refers to.
 * The kind comes from Go's own attribute (DW_AT_go_kind = reflect.Kind), not guessed from tags.
 */

import { DamagedError } from "../../bytes/reader.ts";
import { AT, TAG } from "../../dwarf/constants.ts";
import { type Die, nameOf, numberOf } from "../../dwarf/die.ts";
import { REFLECT_KINDS } from "../../goabi/kinds.ts";
import { SCALAR_LAYOUTS } from "../../goabi/layout.ts";
import { SHAPE, UNKNOWN_POINTEE } from "../../goabi/shaped.ts";
import type { DictionaryPlace, GoType, StructField } from "../../goabi/type.ts";
import { isDefinedName, type PackageNames, shortTypeName } from "./names.ts";

/** Finds DIEs by offset in .debug_info; implemented by Dwarf. */
export interface DieSource {
  dieAt(offset: number): Die | undefined;
  children(die: Die): Die[];
  readonly packageNames: PackageNames;
  /** What the runtime's own descriptor at an offset calls its type. */
  runtimeName(offset: number): string | undefined;
}

/** Typedefs in a row: Go writes at most two. */
const MAX_TYPEDEFS = 16;
/** Structs and arrays inside each other by value. */
const MAX_NESTING = 64;
/** No Go value is larger than this (the compiler refuses stack objects over 1 GB and types over 2^50). */
const MAX_SIZE = 2 ** 40;

export class TypeReader {
  readonly #dies: DieSource;
  readonly #types = new Map<number, GoType>();
  #nesting = 0;

  constructor(dies: DieSource) {
    this.#dies = dies;
  }

  /** The type whose DIE stands at an offset of .debug_info. Never throws: what cannot be read is an unknown type. */
  at(offset: number | undefined): GoType {
    if (offset === undefined) return unknown("", "the binary gives no type");
    let type = this.#types.get(offset);
    if (type === undefined) {
      try {
        type = this.#read(offset);
      } catch (error) {
        if (!(error instanceof DamagedError)) throw error;
        type = unknown("", `damaged type information: ${error.message}`);
      }
      this.#types.set(offset, type);
    }
    return type;
  }

  #read(offset: number): GoType {
    let die = this.#die(offset);
    const linkName = withoutNoalg(nameOf(die));
    const runtimeType = numberOf(die, AT.goRuntimeType);
    let kind = numberOf(die, AT.goKind);
    // A shape typedef (`.param0` with a dictionary index) and a named type's typedef lead to the DIE with the layout;
    // map, chan and interface are typedefs of the runtime's own structs, and end here.
    const word = linkName.startsWith(".param") ? numberOf(die, AT.goDictIndex) : undefined;
    for (let i = 0; die.tag === TAG.typedef && !isRuntimeTypedef(kind) && i < MAX_TYPEDEFS; i++) {
      const target = numberOf(die, AT.type);
      if (target === undefined) break;
      die = this.#die(target);
      kind = numberOf(die, AT.goKind) ?? kind;
    }
    const own = linkName.startsWith(".param") ? withoutNoalg(nameOf(die)) : linkName;
    return this.#make(
      die,
      kind === undefined ? undefined : kind & 31,
      own,
      runtimeType ?? numberOf(die, AT.goRuntimeType),
      word === undefined ? undefined : { word },
    );
  }

  #make(
    die: Die,
    kind: number | undefined,
    linkName: string,
    runtimeType: number | undefined,
    inDictionary: DictionaryPlace | undefined,
  ): GoType {
    const plain = withoutHashes(withoutShape(linkName), kind);
    const short = shortTypeName(plain, this.#dies.packageNames);
    const exact = runtimeType === undefined ? undefined : this.#dies.runtimeName(runtimeType);
    const name = exact !== undefined && alike(exact, short) ? exact : short;
    const base = {
      name,
      named: plain === linkName && isDefinedName(linkName),
      ...(name === linkName ? {} : { linkName }),
      ...(runtimeType === undefined || runtimeType === 0 ? {} : { runtimeType }),
      ...(inDictionary === undefined ? {} : { inDictionary }),
    };
    const goKind = kind === undefined ? undefined : REFLECT_KINDS[kind];
    const size = numberOf(die, AT.byteSize);
    if (size !== undefined && !(size >= 0 && size <= MAX_SIZE)) throw new DamagedError(`a type of ${size} bytes`);
    switch (goKind) {
      case "ptr": {
        const target = numberOf(die, AT.type);
        // Every pointer has the shape `*uint8` (cmd/compile/internal/noder, shapify).
        const elem = linkName.startsWith(SHAPE) ? () => unknown("?", UNKNOWN_POINTEE) : () => this.at(target);
        return lazy({ ...base, kind: "ptr", size: 8, align: 8 } as const, { elem });
      }
      case "slice": {
        const target = numberOf(die, AT.goElem);
        return lazy({ ...base, kind: "slice", size: 24, align: 8 } as const, { elem: () => this.at(target) });
      }
      case "map": {
        const key = numberOf(die, AT.goKey);
        const elem = numberOf(die, AT.goElem);
        const layout = numberOf(die, AT.type);
        return lazy({ ...base, kind: "map", size: 8, align: 8 } as const, {
          key: () => this.at(key),
          elem: () => this.at(elem),
          layout: () => pointee(this.at(layout)),
        });
      }
      case "chan": {
        const elem = numberOf(die, AT.goElem);
        const direction = linkName.startsWith("<-chan") ? "receive" : linkName.startsWith("chan<-") ? "send" : "both";
        return lazy({ ...base, kind: "chan", size: 8, align: 8, direction } as const, { elem: () => this.at(elem) });
      }
      case "func":
        return { ...base, kind: "func", size: 8, align: 8 };
      case "interface": {
        const target = numberOf(die, AT.type);
        return lazy({ ...base, kind: "interface", size: 16, align: 8 } as const, {
          empty: () => this.#isEface(target),
        });
      }
      case "array":
        return this.#array(die, base);
      case "struct":
        return this.#struct(die, base);
      case undefined:
        // The runtime's hand-made DIEs (unsafe.Pointer's target, hash<K,V> before 1.2x) carry no kind.
        if (die.tag === TAG.structType) return this.#struct(die, base);
        if (die.tag === TAG.arrayType) return this.#array(die, base);
        if (die.tag === TAG.pointerType) {
          const target = numberOf(die, AT.type);
          if (target === undefined) return { ...base, kind: "unsafe.Pointer", size: 8, align: 8 };
          return lazy({ ...base, kind: "ptr", size: 8, align: 8 } as const, { elem: () => this.at(target) });
        }
        return {
          ...base,
          kind: "unknown",
          size: size ?? -1,
          align: 8,
          reason: `type ${name || "without a name"} is not a Go type`,
        };
      default:
        if (size !== undefined && size !== SCALAR_LAYOUTS[goKind].size)
          throw new DamagedError(`${linkName}, kind ${goKind}, of ${size} bytes`);
        return { ...base, kind: goKind, ...SCALAR_LAYOUTS[goKind] };
    }
  }

  #array(die: Die, base: Pick<GoType, "name" | "named">): GoType {
    const target = numberOf(die, AT.type);
    const range = this.#dies.children(die).find((child) => child.tag === TAG.subrangeType);
    const upper = range === undefined ? undefined : numberOf(range, AT.upperBound);
    const length =
      (range === undefined ? undefined : numberOf(range, AT.count)) ?? (upper === undefined ? undefined : upper + 1);
    const size = numberOf(die, AT.byteSize);
    if (length === undefined || size === undefined || length < 0)
      throw new DamagedError(`array ${base.name} without a length`);
    const elem = this.#nested(() => this.at(target));
    if (elem.size >= 0 && elem.size * length !== size)
      throw new DamagedError(`array ${base.name}: ${length} elements of ${elem.size} bytes are not ${size}`);
    return { ...base, kind: "array", size, align: elem.align, length, elem };
  }

  #struct(die: Die, base: Pick<GoType, "name" | "named">): GoType {
    const size = numberOf(die, AT.byteSize);
    if (size === undefined)
      return { ...base, kind: "unknown", size: -1, align: 8, reason: `struct ${base.name} is only declared` };
    let fields: readonly StructField[] | undefined;
    let align: number | undefined;
    const read = (): readonly StructField[] => (fields ??= this.#fields(die, size));
    const alignment = (): number => {
      // sync/atomic and internal/runtime/atomic: an empty struct that the compiler aligns like a 64-bit integer.
      if (size === 0 && ALIGN64.test(base.name)) return 8;
      try {
        return this.#nested(() => read().reduce((max, field) => Math.max(max, field.type.align), 1));
      } catch (error) {
        // A struct that contains itself by value exists only in damaged files. Alignment 0 is none: nobody places it.
        if (error instanceof DamagedError) return 0;
        throw error;
      }
    };
    return {
      ...base,
      kind: "struct",
      size,
      get align() {
        align ??= alignment();
        return align;
      },
      get fields() {
        return read();
      },
    };
  }

  #fields(die: Die, size: number): readonly StructField[] {
    try {
      return this.#dies
        .children(die)
        .filter((child) => child.tag === TAG.member)
        .map((member) => {
          const offset = numberOf(member, AT.dataMemberLocation) ?? 0;
          const type = this.at(numberOf(member, AT.type));
          const embedded = (numberOf(member, AT.goEmbeddedField) ?? 0) !== 0;
          if (offset < 0 || offset + Math.max(type.size, 0) > size) {
            const reason = "damaged type information: a field lies outside its struct";
            return { name: nameOf(member), offset: 0, embedded, type: unknown(type.name, reason) };
          }
          return { name: nameOf(member), offset, embedded, type };
        });
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      return [
        { name: "_", offset: 0, embedded: false, type: unknown("", `damaged type information: ${error.message}`) },
      ];
    }
  }

  #nested<T>(read: () => T): T {
    if (this.#nesting >= MAX_NESTING) throw new DamagedError("types contain each other without end");
    this.#nesting++;
    try {
      return read();
    } finally {
      this.#nesting--;
    }
  }

  #isEface(target: number | undefined): boolean {
    if (target === undefined) return false;
    const type = this.at(target);
    return /(^|\.)eface$/.test(type.linkName ?? type.name);
  }

  #die(offset: number): Die {
    const die = this.#dies.dieAt(offset);
    if (die === undefined) throw new DamagedError(`no type at ${offset}`);
    return die;
  }
}

/** Whether two names differ in package names at most: a damaged offset must not rename a type. */
function alike(a: string, b: string): boolean {
  return a === b || withoutPackages(a) === withoutPackages(b);
}

function withoutPackages(name: string): string {
  return name.replace(/[^\s*[\](){},;<"]+\.(?=[^.])/g, "");
}

const ALIGN64 = /^atomic\.align64$/;

function isRuntimeTypedef(kind: number | undefined): boolean {
  const goKind = REFLECT_KINDS[(kind ?? 0) & 31];
  return goKind === "map" || goKind === "chan" || goKind === "interface";
}

function pointee(type: GoType): GoType {
  return type.kind === "ptr" ? type.elem : type;
}

/**
 * `noalg.main.Vectors`: a type for which the compiler makes no hash and equality functions (cmd/compile/internal/types,
 * TypeSymName). `noalg.T` is a type of a package of this name.
 */
function withoutNoalg(linkName: string): string {
  return /^noalg\.(?:struct \{|\[|[^[]*\.)/.test(linkName) ? linkName.slice("noalg.".length) : linkName;
}

/** `go.shape.int_0` (1.18 to 1.20), `go.shape.int` (later): the layout's own type, its real name is in the dictionary. */
function withoutShape(linkName: string): string {
  return linkName.startsWith(SHAPE) ? linkName.slice(SHAPE.length).replace(/_\d+$/, "") : linkName;
}

/**
 * Since Go 1.22 a shape whose text is long is named by a hash of it (cmd/compile/internal/noder/reader.go shapify,
 * MaxShapeLen), which tells a reader nothing.
 */
function withoutHashes(linkName: string, kind: number | undefined): string {
  if (/^[0-9a-f]{64}$/.test(linkName)) return `${REFLECT_KINDS[kind ?? 0] ?? ""} {…}`.trimStart();
  return linkName.replace(/\bgo\.shape\.[0-9a-f]{64}(?![0-9a-f])/g, "go.shape.…");
}

function unknown(name: string, reason: string): GoType {
  return { kind: "unknown", name, size: -1, align: 8, named: false, reason };
}

/** Adds properties that are computed once, when first read. */
function lazy<B extends object, L extends Record<string, () => unknown>>(
  base: B,
  parts: L,
): B & { [K in keyof L]: ReturnType<L[K]> } {
  for (const [key, make] of Object.entries(parts)) {
    let done = false;
    let value: unknown;
    Object.defineProperty(base, key, {
      enumerable: true,
      get: () => {
        if (!done) {
          value = make();
          done = true;
        }
        return value;
      },
    });
  }
  return base as B & { [K in keyof L]: ReturnType<L[K]> };
}
