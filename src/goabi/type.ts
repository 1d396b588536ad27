/**
 * The Go type model that every layer shares: what DWARF, the runtime's type data and the user's source are read into,
 * and what the ABI assignment, the capture planner and the value renderer work on.
 *
 * Composite types refer to other types through getters where the type graph is recursive, so reading `elem` or
 * `fields` may parse more DWARF, but never does I/O.
 */

/** Kinds that one machine word group holds, without inner structure that Go code can see (reflect.Kind's names). */
export type ScalarKind =
  | "bool"
  | "int"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "uintptr"
  | "float32"
  | "float64"
  | "complex64"
  | "complex128"
  | "string"
  | "unsafe.Pointer";

interface TypeBase {
  /** As `fmt`'s `%T` prints it: `url.URL`, `interface {}`, `[]uint8`, `main.Pair[int,string]`. */
  readonly name: string;
  /** Bytes; -1 where it cannot be known. */
  readonly size: number;
  /** Bytes. */
  readonly align: number;
  /** True for a defined type (`type Celsius float64`), false for predeclared and unnamed ones. */
  readonly named: boolean;
  /** Linker name with the whole package path (`net/url.URL`), where it differs from `name`. */
  readonly linkName?: string;
  /** DW_AT_go_runtime_type: offset of the runtime's type from `moduledata.types`; absent or 0: has none. */
  readonly runtimeType?: number;
  /** Of a variable in a generic function, whose type here is what all its instances share: where the real one is told. */
  readonly inDictionary?: DictionaryPlace;
}

/** Where a call's dictionary has the address of a type's descriptor. */
export type DictionaryPlace =
  /** In the word of this number: DW_AT_go_dict_index. */
  | { readonly word: number }
  /** The type of this number, from 0 on: of a function, as the compiler numbers them. */
  | { readonly order: number }
  /**
   * Of a method, whose dictionary is that of its receiver's type (linker's name without arguments) and of all its
   * methods: the type of this name, in which `‹0›` stands for the receiver's first type argument.
   */
  | { readonly name: string; readonly receiver: string };

export interface ScalarType extends TypeBase {
  readonly kind: ScalarKind;
}
export interface PointerType extends TypeBase {
  readonly kind: "ptr";
  readonly elem: GoType;
}
export interface SliceType extends TypeBase {
  readonly kind: "slice";
  readonly elem: GoType;
}
export interface ArrayType extends TypeBase {
  readonly kind: "array";
  readonly elem: GoType;
  readonly length: number;
}
export interface StructField {
  /** `_` for blank fields; the type's bare name for embedded ones. */
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly embedded: boolean;
  readonly type: GoType;
}
export interface StructType extends TypeBase {
  readonly kind: "struct";
  readonly fields: readonly StructField[];
}
export interface MapType extends TypeBase {
  readonly kind: "map";
  readonly key: GoType;
  readonly elem: GoType;
  /** The runtime's own struct that the map word points to (hmap or Swiss map), where DWARF describes it. */
  readonly layout?: GoType;
}
export interface ChanType extends TypeBase {
  readonly kind: "chan";
  readonly elem: GoType;
  readonly direction: "both" | "send" | "receive";
}
export interface FuncType extends TypeBase {
  readonly kind: "func";
}
export interface InterfaceType extends TypeBase {
  readonly kind: "interface";
  /** True for `interface {}` (an eface: type word), false where methods are listed (an iface: itab word). */
  readonly empty: boolean;
}
/** A type that could not be resolved; a value of it reads `<unavailable: reason>`. */
export interface UnknownType extends TypeBase {
  readonly kind: "unknown";
  readonly reason: string;
}

export type GoType =
  | ScalarType
  | PointerType
  | SliceType
  | ArrayType
  | StructType
  | MapType
  | ChanType
  | FuncType
  | InterfaceType
  | UnknownType;
