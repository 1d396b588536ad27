/**
 * Layouts from the runtime's own type descriptors (internal/abi/type.go; before Go 1.21 runtime/type.go and
 * reflect/type.go), which stripped binaries keep: sizes, fields and offsets exactly as this binary was built, for every
 * type that reflection could reach. Descriptors are found as the runtime finds them: through `typelinks` and what those
 * refer to, since Go 1.27 one after the other from `types`.
 */

import { DamagedError, decodeText, Reader } from "../../bytes/reader.ts";
import type { Memory } from "../../elf/memory.ts";
import { SCALAR_LAYOUTS } from "../../goabi/layout.ts";
import { refuse } from "../../goabi/refusal.ts";
import type { DynamicType } from "../../goabi/resolver.ts";
import { isDirect, KIND_MASK, TYPE } from "../../goabi/runtime/typeDescriptor.ts";
import type { GoType, ScalarKind, StructField } from "../../goabi/type.ts";
import { escapePackagePath } from "../../goname/linkName.ts";
import type { RuntimeType } from "../api.ts";
import type { Moduledata } from "../moduledata.ts";
import {
  Composite,
  Described,
  DescribedArray,
  DescribedChan,
  DescribedInterface,
  DescribedMap,
  DescribedStruct,
  type DescriptorSource,
} from "./describedType.ts";
import { MAX_DESCRIPTORS, moduleWords, typelinks } from "./typelinks.ts";
import { RuntimeTypeNames } from "./typeNames.ts";

/** abi.Type: Size 0, TFlag 20, Align 21, Kind 23, Str 40, PtrToThis 44; what follows depends on the kind. */
const TYPE_BYTES = 48;
const ALIGNMENTS: ReadonlySet<number> = new Set([1, 2, 4, 8]);
const TFLAG_UNCOMMON = 1;
const TFLAG_NAMED = 4;
const WORD = 8;
/** The largest program known (650 MB) has 60 MB of types. */
const MAX_TYPES_BYTES = 96 << 20;
/** Structs inside structs by value; nobody writes more. */
const MAX_DEPTH = 100;
/** The compiler's own limits are far below; a damaged count would make the loop long. */
const MAX_FIELDS = 65_536;

const KINDS: readonly (
  | ScalarKind
  | "array"
  | "chan"
  | "func"
  | "interface"
  | "map"
  | "ptr"
  | "slice"
  | "struct"
  | undefined
)[] = [
  undefined,
  "bool",
  "int",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
  "uintptr",
  "float32",
  "float64",
  "complex64",
  "complex128",
  "array",
  "chan",
  "func",
  "interface",
  "map",
  "ptr",
  "slice",
  "string",
  "struct",
  "unsafe.Pointer",
];

const POINTER_KIND = KINDS.indexOf("ptr");

/** One entry of a type's method table; offsets are from `moduledata.types`. */
export interface TypeMethod {
  readonly name: string;
  /** Of the receiver's type. */
  readonly receiver: number;
  /** Of its func type, without the receiver. */
  readonly func: number;
  /** Of its code, from `moduledata.text`. */
  readonly code: number;
}

const METHOD_BYTES = 16;

export class TypeDescriptors {
  readonly #bytes: Uint8Array;
  readonly #address: number;
  readonly #minor: number;
  readonly #names: RuntimeTypeNames;
  readonly #types = new Map<number, GoType | undefined>();
  /** By the offset of the name. */
  readonly #fieldNames = new Map<number, string>();
  #offsets: readonly number[] = [];
  #depth = 0;
  readonly #view: DataView;
  readonly #source: DescriptorSource = {
    name: (offset) => this.#names.nameAt(offset) ?? "?",
    linkName: (offset) => this.#undamaged(() => this.#linkName(offset)),
    typeAtPointer: (at) => this.#typeAtPointer(at),
  };
  #byLinkName: Map<string, number | "ambiguous"> | undefined;

  /** Undefined where the binary's type data cannot be found. */
  static async load(
    memory: Memory,
    moduledata: Moduledata | undefined,
    goMinor: number,
    positionIndependent: boolean,
  ): Promise<TypeDescriptors | undefined> {
    if (moduledata === undefined) return undefined;
    const { types, etypes } = moduledata;
    if (!(etypes > types && etypes - types <= MAX_TYPES_BYTES)) return undefined;
    try {
      const raw = await memory.read(types, etypes - types);
      const bytes = positionIndependent ? (await memory.relocations()).applied(raw, types) : raw;
      const descriptors = new TypeDescriptors(bytes, types, goMinor);
      const words = await moduleWords(memory, moduledata);
      const links = goMinor >= 27 ? descriptors.#inSequence(words[16] ?? 0) : await typelinks(memory, words, goMinor);
      descriptors.#follow([...links, ...descriptors.#namedPointers()]);
      return descriptors;
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  }

  private constructor(bytes: Uint8Array, address: number, minor: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#address = address;
    this.#minor = minor;
    this.#names = new RuntimeTypeNames(bytes, minor >= 17);
  }

  /** By linker name with the whole, escaped package path: `net/url.URL`, `main.Pair[int,string]`. */
  find(linkName: string): GoType | undefined {
    const offset = this.#named().get(linkName);
    return typeof offset === "number" ? this.typeAt(offset) : undefined;
  }

  /** Defined types that were found. */
  get count(): number {
    return this.#named().size;
  }

  linkNames(): Iterable<string> {
    return this.#named().keys();
  }

  /** What an interface whose type word (less the load bias) is `descriptor` holds. */
  dynamicType(descriptor: number): DynamicType {
    const offset = descriptor - this.#address;
    if (!(offset >= 0 && offset < this.#bytes.length))
      return refuse(
        "the file does not describe its type, which was made at run time or is of another file of the process",
      );
    const type = this.typeAt(offset);
    return type === undefined ? refuse("its type's descriptor is damaged") : { type, direct: this.#isDirect(offset) };
  }

  /**
   * Whether a descriptor stands at an address of the file. Up to Go 1.25 dictionaries and other data lie between them,
   * whose words are addresses or zeroes, so that they have neither kind nor alignment.
   */
  isDescriptor(address: number): boolean {
    const offset = address - this.#address;
    if (!(offset > 0 && offset + TYPE_BYTES <= this.#bytes.length) || offset % WORD !== 0) return false;
    const aligned = (at: number) => ALIGNMENTS.has(this.#bytes[offset + at] ?? 0);
    return (
      this.#kind(offset) !== undefined &&
      aligned(TYPE.align) &&
      aligned(TYPE.align + 1) &&
      this.#word(offset + WORD) <= this.#word(offset) &&
      (this.#names.nameAt(offset) ?? "") !== ""
    );
  }

  /** The type whose descriptor stands at an address of the file. */
  at(address: number): GoType | undefined {
    return this.typeAt(address - this.#address);
  }

  /** The type whose descriptor stands at an offset from `moduledata.types`. */
  typeAt(offset: number): GoType | undefined {
    if (this.#types.has(offset)) return this.#types.get(offset);
    // A damaged struct may hold itself: while it is being built there is no such type.
    this.#types.set(offset, undefined);
    if (this.#depth >= MAX_DEPTH) return undefined;
    this.#depth++;
    try {
      const type = this.#build(offset);
      this.#types.set(offset, type);
      return type;
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      return undefined;
    } finally {
      this.#depth--;
    }
  }

  *runtimeTypes(): Generator<RuntimeType> {
    for (const offset of this.#offsets) {
      const type = this.typeAt(offset);
      if (type === undefined) continue;
      yield { address: this.#address + offset, type, direct: this.#isDirect(offset) };
    }
  }

  #isDirect(offset: number): boolean {
    return isDirect(this.#bytes[offset + TYPE.flags] ?? 0, this.#bytes[offset + TYPE.kind] ?? 0, this.#minor);
  }

  #follow(links: readonly number[]): void {
    const seen = new Set<number>(links);
    const queue = [...links];
    for (let at = 0; at < queue.length && at < MAX_DESCRIPTORS; at++) {
      const offset = queue[at] ?? 0;
      for (const next of this.#references(offset)) {
        if (next === undefined || seen.has(next)) continue;
        seen.add(next);
        queue.push(next);
      }
    }
    this.#offsets = queue;
  }

  /** Go 1.27: what typelinks listed stands one after the other, `typedesclen` bytes long (runtime.moduleTypelinks). */
  #inSequence(length: number): number[] {
    const offsets: number[] = [];
    const end = Math.min(length, this.#bytes.length);
    for (let offset = WORD; offset + TYPE_BYTES <= end && offsets.length < MAX_DESCRIPTORS; ) {
      const size = this.#descriptorBytes(offset);
      if (size === undefined) break;
      offsets.push(offset);
      offset += Math.ceil(size / WORD) * WORD;
    }
    return offsets;
  }

  /**
   * Defined pointer types (`type Link *Point`, `log/slog.stringptr`): no link leads to them, because the compiler
   * writes no pointer to a pointer beside them (cmd/compile/internal/reflectdata, dcommontype), as it does for every
   * other defined type. So each word is looked at, which takes 60 MB of types some 60 ms.
   */
  #namedPointers(): number[] {
    const offsets: number[] = [];
    const bytes = this.#bytes;
    const end = bytes.length - TYPE_BYTES - WORD;
    for (let offset = WORD; offset <= end && offsets.length < MAX_DESCRIPTORS; offset += WORD) {
      if (((bytes[offset + TYPE.kind] ?? 0) & KIND_MASK) !== POINTER_KIND) continue;
      if (((bytes[offset + TYPE.flags] ?? 0) & TFLAG_NAMED) === 0 || this.#word(offset) !== WORD) continue;
      if (this.isDescriptor(this.#address + offset)) offsets.push(offset);
    }
    return offsets;
  }

  /** Offsets of the defined types, by linker name. */
  #named(): Map<string, number | "ambiguous"> {
    if (this.#byLinkName !== undefined) return this.#byLinkName;
    const byLinkName = new Map<string, number | "ambiguous">();
    for (const offset of this.#offsets) {
      const linkName = this.#undamaged(() => this.#linkName(offset));
      if (linkName === undefined) continue;
      const known = byLinkName.get(linkName);
      byLinkName.set(linkName, known === undefined || known === offset ? offset : "ambiguous");
    }
    this.#byLinkName = byLinkName;
    return byLinkName;
  }

  #undamaged<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  }

  /** The descriptors that this one refers to. */
  #references(offset: number): (number | undefined)[] {
    return this.#undamaged(() => this.#referred(offset)) ?? [];
  }

  #referred(offset: number): (number | undefined)[] {
    const targets: (number | undefined)[] = [];
    const pointer = this.#u32(offset + 44);
    if (pointer !== 0 && pointer < this.#bytes.length) targets.push(pointer);
    const kind = this.#kind(offset);
    if (kind === "array" || kind === "chan" || kind === "ptr" || kind === "slice") {
      targets.push(this.#pointer(offset + TYPE_BYTES));
    } else if (kind === "map") {
      targets.push(this.#pointer(offset + TYPE_BYTES), this.#pointer(offset + TYPE_BYTES + WORD));
    } else if (kind === "struct") {
      for (const field of this.#fieldOffsets(offset)) targets.push(this.#pointer(field + WORD));
    } else if (kind === "func") {
      const [ins, outs] = this.#funcCounts(offset);
      const start = offset + 56 + (this.#hasUncommon(offset) ? 16 : 0);
      for (let at = 0; at < ins + outs; at++) targets.push(this.#pointer(start + at * WORD));
    }
    return targets;
  }

  #build(offset: number): GoType | undefined {
    const kind = this.#kind(offset);
    if (kind === undefined) return undefined;
    const size = this.#word(offset);
    const align = this.#bytes[offset + TYPE.align] ?? 0;
    if (!ALIGNMENTS.has(align) || size > Number.MAX_SAFE_INTEGER) return undefined;
    const head = { source: this.#source, offset, size, align };
    switch (kind) {
      case "array": {
        const elem = this.#typeAtPointer(offset + TYPE_BYTES);
        const length = this.#word(offset + 64);
        if (!(elem.size >= 0 && elem.size * length === size)) return undefined;
        return new DescribedArray(head, elem, length);
      }
      case "chan": {
        const direction = ([undefined, "receive", "send", "both"] as const)[this.#word(offset + 56)];
        if (direction === undefined) return undefined;
        return new DescribedChan(head, offset + TYPE_BYTES, direction);
      }
      case "func":
        return new Described(kind, head);
      case "interface":
        return new DescribedInterface(head, this.#word(offset + 64) === 0);
      case "map":
        return new DescribedMap(head, offset + TYPE_BYTES + WORD, offset + TYPE_BYTES);
      case "ptr":
      case "slice":
        return new Composite(kind, head, offset + TYPE_BYTES);
      case "struct": {
        const fields = this.#fieldOffsets(offset).map((field) => this.#field(field));
        if (!fields.every((field) => field.offset + Math.max(field.type.size, 0) <= size)) return undefined;
        return new DescribedStruct(head, fields);
      }
      default:
        return SCALAR_LAYOUTS[kind].size === size ? new Described(kind, head) : undefined;
    }
  }

  /** Field: name, type, offset; up to Go 1.18 the offset is shifted left by one for the embedded bit. */
  #field(at: number): StructField {
    const nameOffset = this.#pointer(at);
    if (nameOffset === undefined) throw new DamagedError("a field without a name");
    const flags = this.#bytes[nameOffset] ?? 0;
    const word = this.#word(at + 2 * WORD);
    const shifted = this.#minor < 19;
    return {
      name: this.#fieldName(nameOffset),
      offset: shifted ? Math.floor(word / 2) : word,
      embedded: shifted ? word % 2 === 1 : (flags & 8) !== 0,
      type: this.#typeAtPointer(at + WORD),
    };
  }

  /** The linker keeps each name once, so most fields share theirs with others. */
  #fieldName(at: number): string {
    let name = this.#fieldNames.get(at);
    if (name === undefined) {
      name = this.#text(at);
      this.#fieldNames.set(at, name);
    }
    return name;
  }

  #fieldOffsets(offset: number): number[] {
    const first = this.#pointer(offset + 56);
    const count = this.#word(offset + 64);
    if (count === 0) return [];
    if (first === undefined || count > MAX_FIELDS)
      throw new DamagedError("a struct's fields are outside the type data");
    return Array.from({ length: count }, (_, index) => first + index * 3 * WORD);
  }

  /** Package path and name of a defined type; undefined for others. */
  #linkName(offset: number): string | undefined {
    const flags = this.#bytes[offset + 20] ?? 0;
    if ((flags & TFLAG_NAMED) === 0 || (flags & TFLAG_UNCOMMON) === 0) return undefined;
    const text = this.#names.nameAt(offset);
    const dot = text?.indexOf(".") ?? -1;
    const bracket = text?.indexOf("[") ?? -1;
    if (text === undefined || dot <= 0 || (bracket !== -1 && bracket < dot)) return undefined;
    const uncommon = this.#uncommonOffset(offset);
    const pathOffset = uncommon === undefined ? 0 : this.#u32(uncommon);
    if (pathOffset === 0) return undefined;
    const path = this.#text(pathOffset);
    return path === "" ? undefined : `${escapePackagePath(path)}${text.slice(dot)}`;
  }

  /** Every method of every type, where the linker kept its func type: it drops those that nothing can reach. */
  *methods(): Generator<TypeMethod> {
    for (const offset of this.#offsets) {
      if (!this.#hasUncommon(offset)) continue;
      try {
        yield* this.#methodsOf(offset);
      } catch (error) {
        if (!(error instanceof DamagedError)) throw error;
      }
    }
  }

  /** abi.UncommonType: PkgPath 0, Mcount 4, Moff 8; abi.Method: Name, Mtyp, Ifn, Tfn, offsets of 32 bits each. */
  #methodsOf(offset: number): TypeMethod[] {
    const uncommon = this.#uncommonOffset(offset);
    if (uncommon === undefined) return [];
    const count = new Reader(this.#bytes, uncommon + 4).u16();
    const first = uncommon + this.#u32(uncommon + 8);
    const methods: TypeMethod[] = [];
    for (let at = first; at < first + count * METHOD_BYTES; at += METHOD_BYTES) {
      const [nameOffset, func, code] = [this.#u32(at), this.#u32(at + 4), this.#u32(at + 12)];
      // 0 and -1 stand for what is not there.
      if (this.#kind(func) !== "func" || code === 0 || code === 0xffff_ffff) continue;
      methods.push({ name: this.#text(nameOffset), receiver: offset, func, code });
    }
    return methods;
  }

  /** Parameters and results of the func type at an offset. */
  funcType(offset: number): { readonly params: readonly GoType[]; readonly results: readonly GoType[] } {
    const [ins, outs] = this.#funcCounts(offset);
    const start = offset + 56 + (this.#hasUncommon(offset) ? 16 : 0);
    const types = Array.from({ length: ins + outs }, (_, index) => this.#typeAtPointer(start + index * WORD));
    return { params: types.slice(0, ins), results: types.slice(ins) };
  }

  #uncommonOffset(offset: number): number | undefined {
    const kind = this.#kind(offset);
    return kind === undefined ? undefined : offset + this.#kindBytes(kind);
  }

  /** Size of the kind's own struct (abi.ArrayType, …). */
  #kindBytes(kind: NonNullable<(typeof KINDS)[number]>): number {
    switch (kind) {
      case "ptr":
      case "slice":
      case "func":
        return 56;
      case "chan":
        return 64;
      case "array":
        return 72;
      case "interface":
      case "struct":
        return 80;
      case "map":
        if (this.#minor >= 27) return 136;
        return this.#minor >= 24 ? 112 : 88;
      default:
        return TYPE_BYTES;
    }
  }

  /** abi.Type.DescriptorSize of Go 1.27. */
  #descriptorBytes(offset: number): number | undefined {
    try {
      const kind = this.#kind(offset);
      if (kind === undefined) return undefined;
      let size = this.#kindBytes(kind);
      if (this.#hasUncommon(offset)) size += 16 + new Reader(this.#bytes, offset + size + 4).u16() * 16;
      if (kind === "func") {
        const [ins, outs] = this.#funcCounts(offset);
        size += (ins + outs) * WORD;
      } else if (kind === "interface") size += this.#word(offset + 64) * 8;
      else if (kind === "struct") size += this.#word(offset + 64) * 3 * WORD;
      return size;
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  }

  #kind(offset: number): (typeof KINDS)[number] {
    return KINDS[(this.#bytes[offset + 23] ?? 0) & KIND_MASK];
  }

  #hasUncommon(offset: number): boolean {
    return ((this.#bytes[offset + 20] ?? 0) & TFLAG_UNCOMMON) !== 0;
  }

  /** Parameters and results; the highest bit of the second count means variadic. */
  #funcCounts(offset: number): [number, number] {
    const reader = new Reader(this.#bytes, offset + TYPE_BYTES);
    return [reader.u16(), reader.u16() & 0x7fff];
  }

  #typeAtPointer(at: number): GoType {
    const target = this.#pointer(at);
    const type = target === undefined ? undefined : this.typeAt(target);
    return (
      type ?? { kind: "unknown", name: "?", size: -1, align: 1, named: false, reason: "its descriptor is damaged" }
    );
  }

  /** Offset of the descriptor or name that a pointer in the type data refers to. */
  #pointer(at: number): number | undefined {
    const offset = this.#word(at) - this.#address;
    return offset >= 0 && offset < this.#bytes.length ? offset : undefined;
  }

  #word(at: number): number {
    return this.#u32(at) + this.#u32(at + 4) * 2 ** 32;
  }

  #u32(at: number): number {
    if (!(at >= 0 && at + 4 <= this.#bytes.length)) throw new DamagedError(`4 bytes of type data wanted at ${at}`);
    return this.#view.getUint32(at, true);
  }

  /** abi.Name: a byte of flags, the length (a varint since Go 1.17), the text. */
  #text(at: number): string {
    const reader = new Reader(this.#bytes, at + 1);
    const length = this.#minor >= 17 ? reader.uleb() : reader.u8() * 256 + reader.u8();
    return decodeText(reader.take(length));
  }
}
