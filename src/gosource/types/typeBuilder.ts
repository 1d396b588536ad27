/**
 * Type references to `GoType`: names, sizes, offsets. What a value holds directly is laid out at once; what it points to
 * when somebody asks. A named type is built once per builder, so recursive types refer to themselves.
 */

import {
  arrayLayout,
  INTERFACE_LAYOUT,
  POINTER_LAYOUT,
  SCALAR_LAYOUTS,
  SLICE_LAYOUT,
  structLayout,
} from "../../goabi/layout.ts";
import { UNKNOWN_POINTEE } from "../../goabi/shaped.ts";
import type { GoType } from "../../goabi/type.ts";
import type { TypeData } from "../../gobinary/api.ts";
import type { BuildPackages } from "../packages/buildPackages.ts";
import type { GoPackage } from "../packages/package.ts";
import { TypeNames } from "./typeNames.ts";
import {
  type FuncRef,
  type InterfaceRef,
  type NameContext,
  type TypeRef,
  typeName,
  type UnknownRef,
} from "./typeRef.ts";

/** Where source and binary disagree about a named type. */
export interface Contradiction {
  readonly linkName: string;
  readonly what: string;
}

const ATOMIC_PACKAGES = new Set(["sync/atomic", "internal/runtime/atomic", "runtime/internal/atomic"]);

/** Structs by value inside structs, interfaces inside interfaces; nobody writes more. */
const MAX_DEPTH = 100;

type InterfaceMethod = { readonly name: string; readonly package: GoPackage; readonly type: FuncRef };

export class TypeBuilder implements NameContext {
  readonly names: TypeNames;
  /** By the type that stands instead: the binary's own. */
  readonly contradictions = new WeakMap<GoType, Contradiction>();
  private readonly known: TypeData | undefined;
  private readonly named = new Map<string, GoType>();
  private readonly building = new Set<string>();
  private depth = 0;

  constructor(packages: BuildPackages, known: TypeData | undefined) {
    this.known = known;
    this.names = new TypeNames(packages, {
      sizeOf: (ref) => {
        const { size } = this.build(ref);
        return size < 0 ? undefined : size;
      },
    });
  }

  /** Named types that were built. */
  get size(): number {
    return this.named.size;
  }

  /** With whole package paths; undefined where it is too long to be real. */
  linkName(ref: TypeRef): string | undefined {
    return typeName(ref, "link", this);
  }

  build(ref: TypeRef): GoType {
    if (this.depth > MAX_DEPTH) return unknownType("…", "types hold each other too deeply");
    this.depth++;
    try {
      return this.buildAt(ref);
    } finally {
      this.depth--;
    }
  }

  interfaceMethods(ref: InterfaceRef): readonly InterfaceMethod[] | undefined {
    const methods = new Map<string, InterfaceMethod>();
    if (!this.collectMethods(ref, methods, 0)) return undefined;
    // Sorted as the compiler sorts them: exported ones first, by name; then by name and package path.
    return [...methods.values()].sort((a, b) => compareMethods(a, b));
  }

  private collectMethods(ref: TypeRef, into: Map<string, InterfaceMethod>, depth: number): boolean {
    if (depth > MAX_DEPTH) return false;
    if (ref.ref === "named") return this.collectMethods(this.names.underlying(ref), into, depth + 1);
    if (ref.ref === "error") {
      const type: FuncRef = { ref: "func", params: [], variadic: false, results: [{ ref: "basic", name: "string" }] };
      into.set("Error", { name: "Error", package: NO_PACKAGE, type });
      return true;
    }
    if (ref.ref !== "interface") return false;
    for (const method of ref.methods) into.set(method.name, method);
    return ref.embedded.every((embedded) => this.collectMethods(embedded, into, depth + 1));
  }

  private buildAt(ref: TypeRef): GoType {
    switch (ref.ref) {
      case "named":
        return this.buildNamed(ref);
      case "unknown":
        return this.knownInstead(ref) ?? unknownType(ref.name, ref.reason);
      default: {
        const name = typeName(ref, "name", this);
        const link = typeName(ref, "link", this);
        if (name === undefined || link === undefined) return unknownType("…", "its name is too long to be real");
        return this.structure(ref, { name, linkName: link, named: false });
      }
    }
  }

  private buildNamed(ref: TypeRef & { ref: "named" }): GoType {
    const name = typeName(ref, "name", this);
    const linkName = typeName(ref, "link", this);
    if (name === undefined || linkName === undefined) return unknownType("…", "its name is too long to be real");
    // A local type shares its name with others; where it stands tells them apart.
    const key = ref.scope === undefined ? linkName : `${linkName} ${ref.file.path}:${ref.declaration.line}`;
    const done = this.named.get(key);
    if (done !== undefined) return done;
    if (this.building.has(key)) return unknownType(name, `${name} holds itself`);
    this.building.add(key);
    const names = { name, named: true, linkName: ref.scope === undefined ? linkName : name };
    let type = this.structure(this.names.underlying(ref), names);
    this.building.delete(key);
    // cmd/compile/internal/types/size.go: on this struct{} of sync/atomic rests the alignment of its 64-bit types.
    if (ref.declaration.name === "align64" && ATOMIC_PACKAGES.has(ref.file.package.linkPath))
      type = { ...type, align: 8 };
    if (ref.scope === undefined) type = this.checked(type, linkName);
    this.named.set(key, type);
    return type;
  }

  /** A type without source that the binary describes itself. */
  private knownInstead(ref: UnknownRef): GoType | undefined {
    const known = ref.linkName === undefined ? undefined : this.known?.find(ref.linkName);
    // Which import a qualifier means was guessed from its path; the binary tells the package's name.
    return known !== undefined && (ref.aliased === true || known.name === ref.name) ? known : undefined;
  }

  /** The binary's own data wins; that it differs is told. */
  private checked(type: GoType, linkName: string): GoType {
    const known = this.known?.find(linkName);
    if (known === undefined) return type;
    if (type.kind === "unknown") return known;
    const difference = differenceOf(type, known);
    if (difference === undefined) return type;
    this.contradictions.set(known, { linkName, what: difference });
    return known;
  }

  private structure(ref: TypeRef, names: Names): GoType {
    const base = baseOf(names);
    switch (ref.ref) {
      case "basic":
        return { ...base, kind: ref.name, ...SCALAR_LAYOUTS[ref.name] };
      case "error":
        return { ...base, kind: "interface", empty: false, ...INTERFACE_LAYOUT };
      case "pointer":
        return lazyElem({ ...base, kind: "ptr" as const, ...POINTER_LAYOUT }, () => this.build(ref.elem));
      case "slice":
        return lazyElem({ ...base, kind: "slice" as const, ...SLICE_LAYOUT }, () => this.build(ref.elem));
      case "chan": {
        const shell = { ...base, kind: "chan" as const, direction: ref.direction, ...POINTER_LAYOUT };
        return lazyElem(shell, () => this.build(ref.elem));
      }
      case "map": {
        const shell = lazyElem({ ...base, kind: "map" as const, ...POINTER_LAYOUT }, () => this.build(ref.elem));
        return lazy(shell, "key", () => this.build(ref.key));
      }
      case "func":
        return { ...base, kind: "func", ...POINTER_LAYOUT };
      case "array":
        return this.array(ref, base);
      case "struct":
        return this.struct(ref, base);
      case "interface": {
        const methods = this.interfaceMethods(ref);
        if (methods !== undefined)
          return { ...base, kind: "interface", empty: methods.length === 0, ...INTERFACE_LAYOUT };
        if (ref.methods.length > 0) return { ...base, kind: "interface", empty: false, ...INTERFACE_LAYOUT };
        return unknownType(base.name, "an interface that it embeds is not known");
      }
      case "named": {
        // `type A B`: B's structure under A's name.
        if (this.depth > MAX_DEPTH) return unknownType(base.name, "types are defined by each other");
        this.depth++;
        const type = this.structure(this.names.underlying(ref), names);
        this.depth--;
        return type;
      }
      case "opaque":
        return ref.kind === "func"
          ? { ...base, kind: "func", ...POINTER_LAYOUT }
          : { ...base, kind: "interface", empty: false, ...INTERFACE_LAYOUT };
      case "shape":
        return this.shape(ref, base);
      case "unknown": {
        const known = this.knownInstead(ref);
        return known === undefined ? unknownType(base.name, ref.reason) : renamed(known, base);
      }
    }
  }

  private array(ref: TypeRef & { ref: "array" }, base: Base): GoType {
    const elem = this.build(ref.elem);
    if (elem.size < 0) return unknownType(base.name, reasonOf(elem));
    const layout = arrayLayout(elem, ref.length);
    if (layout === undefined) return unknownType(base.name, "it is larger than any value");
    return { ...base, kind: "array", elem, length: ref.length, ...layout };
  }

  private struct(ref: TypeRef & { ref: "struct" }, base: Base): GoType {
    const types = ref.fields.map((field) => this.build(field.type));
    const broken = types.findIndex((type) => type.size < 0);
    if (broken !== -1) {
      const field = ref.fields[broken];
      return unknownType(base.name, `field ${field?.name}: ${reasonOf(types[broken])}`);
    }
    const layout = structLayout(types);
    if (layout === undefined) return unknownType(base.name, "it is larger than any value");
    const fields = ref.fields.flatMap(({ name, embedded }, index) => {
      const type = types[index];
      return type === undefined ? [] : [{ name, embedded, offset: layout.offsets[index] ?? 0, type }];
    });
    return { ...base, kind: "struct", fields, size: layout.size, align: layout.align };
  }

  /** Every pointer has the shape `*uint8`: what it points to is not known (cmd/compile, shapify). */
  private shape(ref: TypeRef & { ref: "shape" }, base: Base): GoType {
    const { under } = ref;
    if (under.ref === "pointer") {
      const elem = unknownType("?", UNKNOWN_POINTEE);
      return { ...base, kind: "ptr", elem, ...POINTER_LAYOUT };
    }
    return this.structure(under, { name: base.name, linkName: base.linkName ?? base.name, named: base.named });
  }
}

interface Names {
  readonly name: string;
  readonly linkName: string;
  readonly named: boolean;
}
interface Base {
  readonly name: string;
  readonly named: boolean;
  readonly linkName?: string;
}

/** `error`'s method belongs to no package; it is exported, so that nobody asks. */
const NO_PACKAGE = { name: "", linkPath: "" } as GoPackage;

export function unknownType(name: string, reason: string): GoType {
  return { kind: "unknown", name, reason, size: -1, align: 1, named: false };
}

/** What differs between two descriptions of one type, shallowly; undefined where nothing does. */
export function differenceOf(source: GoType, binary: GoType): string | undefined {
  if (source.kind !== binary.kind) return `it is a ${binary.kind} in the binary, a ${source.kind} in the source`;
  if (source.size !== binary.size) return `it has ${binary.size} bytes in the binary, ${source.size} in the source`;
  if (source.kind !== "struct" || binary.kind !== "struct") return undefined;
  const text = (type: typeof source): string => type.fields.map(({ name, offset }) => `${name}@${offset}`).join(" ");
  return text(source) === text(binary) ? undefined : "its fields differ between the binary and the source";
}

function compareMethods(a: InterfaceMethod, b: InterfaceMethod): number {
  return compare(a.name, b.name) || compare(a.package.linkPath, b.package.linkPath);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function baseOf({ name, linkName, named }: Names): Base {
  return linkName === name ? { name, named } : { name, named, linkName };
}

function reasonOf(type: GoType | undefined): string {
  return type?.kind === "unknown" ? `${type.name}: ${type.reason}` : "its size is not known";
}

function lazyElem<T extends object>(shell: T, make: () => GoType): T & { readonly elem: GoType } {
  return lazy(shell, "elem", make);
}

/** `type A B`: B's structure, getters included, under A's name. */
function renamed(type: GoType, base: Base): GoType {
  const { runtimeType: _, linkName: __, ...properties } = Object.getOwnPropertyDescriptors(type);
  return Object.defineProperties({}, { ...properties, ...Object.getOwnPropertyDescriptors(base) }) as GoType;
}

/** A property that is built when it is first read. */
function lazy<T extends object, K extends string>(
  shell: T,
  key: K,
  make: () => GoType,
): T & { readonly [P in K]: GoType } {
  let value: GoType | undefined;
  Object.defineProperty(shell, key, {
    enumerable: true,
    get: () => {
      value ??= make();
      return value;
    },
  });
  return shell as T & { readonly [P in K]: GoType };
}
