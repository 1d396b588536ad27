/**
 * What the rest of Probelens may ask of a Go program file. Parsing is pure (bytes in, values and diagnostics out);
 * the only I/O is `ByteSource.read`, which the caller provides.
 *
 * Addresses are virtual addresses as the file has them (JavaScript numbers: user addresses fit 53 bits).
 */
import type { Arch } from "../arch/arch.ts";
import type { CallingConvention, Location } from "../goabi/location.ts";
import type { Refusal } from "../goabi/refusal.ts";
import type { DynamicType, ValueResolver } from "../goabi/resolver.ts";
import type { RuntimeFacts } from "../goabi/runtime/facts.ts";
import type { DictionaryPlace, GoType } from "../goabi/type.ts";

export interface BuildInfo {
  /** `go1.27.4`. */
  readonly goVersion: string;
  /** Import path of the main package, `command-line-arguments` where so built. */
  readonly path?: string;
  /** Main module path and version. */
  readonly module?: { readonly path: string; readonly version: string };
  readonly dependencies: readonly Dependency[];
  /** `-ldflags`, `vcs.revision`, `vcs.modified`, `GOARCH`, … */
  readonly settings: Readonly<Record<string, string>>;
}

export interface Dependency {
  /** As the program imports it. */
  readonly path: string;
  readonly version: string;
  /** What go.mod's `replace` put in its place: a module, or a folder, whose version is `(devel)` or empty. */
  readonly replacedBy?: { readonly path: string; readonly version: string };
}

export interface GoFunction {
  /** The linker's name, escapes included: `main.computeE`, `net/http.(*Server).Serve`, `gopkg.in/yaml%2ev2.Marshal`. */
  readonly name: string;
  /** First instruction. */
  readonly entry: number;
  /** First address after the function. */
  readonly end: number;
  /** File offset of the first instruction. */
  readonly offset: number;
  /** Source file as the binary has it; empty where it has none. */
  readonly file: string;
  /** Line of the declaration; the entry's line where the binary has no declaration line. */
  readonly line: number;
  readonly convention: CallingConvention;
  /** It has no code of its own, because every call was inlined: `entry`, `end` and `offset` are 0. */
  readonly inlinedEverywhere?: true;
  /** Why it cannot be traced or its arguments cannot be shown (assembly, cgo, runtime internals); absent: it can. */
  readonly notTraceable?: string;
}

/** A parameter or result as a list has it: DWARF's or the source's. */
export interface Variable {
  readonly name: string;
  readonly type: GoType;
  /** True for `_` and unnamed parameters: they take registers but are not shown. */
  readonly blank: boolean;
}

/** What the court (`places/court.ts`) says of it: nothing is left to be judged. */
export interface PlacedVariable extends Variable {
  /** At the function's first instruction (a result: at its return); `unknown` pieces say why. */
  readonly location: Location;
}

interface Lists<V extends Variable> {
  /** In source order, receiver first, `.dict` included as a blank `uintptr` where the function has one. */
  readonly params: readonly V[];
  /** In source order; unnamed ones are `~r0`, `~r1`, … */
  readonly results: readonly V[];
  /** Why there may be more results than listed, a clause; absent: these are all. */
  readonly missingResults?: string;
  /** True where every parameter (blank ones too) is known to be listed, so that the ABI can be computed. */
  readonly complete: boolean;
  /** `type-data`: the runtime's own, which names no parameters (they are `~recv`, `~p0`, …). */
  readonly source: "dwarf" | "go-source" | "type-data";
}

export type Signature = Lists<Variable>;

export interface PlacedSignature extends Lists<PlacedVariable> {
  /**
   * Bytes from the CFA to the area where the function may save its register parameters (abi-internal.md, "spill
   * area"): the end of all stack parameters and results. Absent where that is not known, or where there is none.
   */
  readonly spillArea?: number;
}

type Read<S> = { readonly ok: true; readonly signature: S } | Refusal;
/** From a list that nobody has placed yet: the source's. */
export type SourceSignature = Read<Signature>;
export type SignatureResult = Read<PlacedSignature>;

export interface SourcePosition {
  readonly func: string;
  readonly file: string;
  readonly line: number;
}

export interface CodeFrame extends SourcePosition {
  /** The compiler's own code around a function (method and go statement wrappers), which tracebacks leave out. */
  readonly wrapper: boolean;
}

/** What one instruction adds to a goroutine's stack trace. */
export interface CodeFrames {
  /** The innermost inlined function first, the function with code of its own last. */
  readonly frames: readonly CodeFrame[];
  /** Bytes by which RSP stands below the return address; absent where the function changes to another stack. */
  readonly stack?: number;
}

/** A call that was inlined: its position in its caller, the innermost one, inlined or not. */
export interface InlinedCall extends SourcePosition {
  /** Address of the instruction that the inline tree names for the call; it may stand for other things, too. */
  readonly mark: number;
  /** The function with code of its own that holds it. */
  readonly enclosing: GoFunction;
  /** Number of the call in that function's inline tree. */
  readonly record: number;
}

/** A parameter of one inlined call. */
export interface InlinedParam {
  readonly name: string;
  readonly type: GoType;
  /** Where DWARF has a value of this name at the call's mark; absent: nowhere. It need not be the argument. */
  readonly location?: Location;
}

/** Which instructions of a function belong to which call that was inlined into it. */
export interface InlineMap {
  /** By number of the call. */
  readonly marks: readonly number[];
  /** The innermost inlined call that an instruction belongs to; -1: none, it is the function's own. */
  recordAt(address: number): number;
  /** First instruction that belongs to the call and to none inside it. */
  addressIn(record: number): number | undefined;
  lineAt(address: number): number | undefined;
  /** Bytes by which RSP stands below the return address. */
  stackAt(address: number): number | undefined;
}

/** Offsets that the kernel program needs to find the goroutine. */
export interface RuntimeLayout {
  /** `runtime.g.goid`, bytes. */
  readonly goidOffset: number;
  /** `runtime.g.stack.hi`, bytes. */
  readonly stackHiOffset: number;
  /** `runtime.g.labels`, bytes; absent where unknown. */
  readonly labelsOffset?: number;
  /** The Go version is not known, or newer than the tables: these are another one's offsets, which nobody may rely on. */
  readonly guessed?: true;
  /** Offset of g from the thread's FS base (amd64): -8 in pure Go programs. */
  readonly tlsOffset: number;
  /** It is another one in each process: the file is a library. */
  readonly tlsAtLoad?: true;
}

export interface TypeData {
  /** By linker name with the whole, escaped package path: `net/url.URL`, `main.Pair[int,string]`. */
  find(linkName: string): GoType | undefined;
  dynamicType(descriptor: number): DynamicType;
  /** Every type that can stand in an interface, but for those that reflection makes at run time. */
  runtimeTypes(): Iterable<RuntimeType>;
}

/** The dictionaries of generic instances. Addresses are those of the file. */
export interface DictionaryData {
  /** All dictionaries, and other things that begin like one. */
  readonly candidates: Iterable<number>;
  /** The type that a dictionary has at a place; undefined where it has none there. */
  typeAt(dictionary: number, place: DictionaryPlace): GoType | undefined;
}

export interface Closure {
  /** Of its code, in the file. */
  readonly address: number;
  /** By place in the closure object. */
  readonly captured: readonly {
    /** Absent: not known. */
    readonly name?: string;
    readonly offset: number;
    readonly type: GoType;
    /** The object holds the variable's address. */
    readonly byReference: boolean;
    /** Which type it really has, the dictionary tells whose address stands there in the object. */
    readonly instance?: { readonly dictionary: number; readonly place: DictionaryPlace };
  }[];
  /** There may be more. */
  readonly incomplete?: true;
}

/** A variable that a closure captured, as source has it. */
export interface CapturedName {
  readonly name: string;
  /** Where it is declared with a type: its text, and which node of the grammar it is. */
  readonly type?: { readonly text: string; readonly syntax: string };
}

/** All that a closure captured, in the order of its object. */
export interface CapturedList {
  readonly names: readonly CapturedName[];
  /** It stands in just the source that the binary was built from. */
  readonly proved: boolean;
}

/** Of closures, by their code. */
export type CapturedNames = ReadonlyMap<number, CapturedList>;

export interface RuntimeType {
  /** Of the type's descriptor, in the file: the type word of an interface, less the load bias. */
  readonly address: number;
  readonly type: GoType;
  /** An interface's data word is the value itself, one pointer; else it points to the value. */
  readonly direct: boolean;
}

export interface GoBinary {
  readonly name: string;
  readonly arch: Arch;
  readonly buildInfo: BuildInfo;
  /** Go build ID (`.note.go.buildid`), else the GNU one, else empty. */
  readonly buildId: string;
  readonly hasDwarf: boolean;
  /** The separate file that symbols and DWARF are read from, where they are not in the program. */
  readonly debugFile: string | undefined;
  /** What is damaged or missing, each a sentence for the user. */
  readonly warnings: readonly string[];
  readonly runtime: RuntimeLayout;
  /** All functions with code, by entry address, one per address. */
  functions(): Promise<readonly GoFunction[]>;
  /** Same-named functions are possible (generic instances of stripped binaries). */
  functionsNamed(name: string): Promise<readonly GoFunction[]>;
  /** Functions from source files of this name, whatever their folder; the others are not described. */
  functionsInFile(fileName: string): Promise<readonly GoFunction[]>;
  functionAt(address: number): Promise<GoFunction | undefined>;
  signature(fn: GoFunction): Promise<SignatureResult>;
  /**
   * Why these cannot be the function's parameters and results: the size of the argument area or FUNCDATA_ArgInfo says
   * otherwise. Undefined where they agree, or where the binary does not tell.
   */
  contradiction(fn: GoFunction, signature: Signature): Promise<string | undefined>;
  /** True where both record these very parameters and results, so that none is missing or too many. */
  confirms(fn: GoFunction, signature: Signature): Promise<boolean>;
  /**
   * What closures have captured, where their objects' types or DWARF (Go 1.23) tell, and the receivers of method values.
   * `quickly`: none of large programs, where finding them takes a second. `names`: the source's.
   */
  closures(quickly?: boolean, names?: CapturedNames): Promise<readonly Closure[]>;
  /** The runtime's own type data, which stripped binaries keep; undefined where it cannot be read. */
  typeData(): Promise<TypeData | undefined>;
  /** Undefined where they cannot be read. */
  dictionaries(): Promise<DictionaryData | undefined>;
  /** What the Go version decides about the runtime's structures. */
  readonly runtimeFacts: RuntimeFacts;
  /**
   * Names types and code that only a running process tells of: an interface's dynamic type, a func value.
   * `quickly`, `names`: as for `closures`; code has its name in any case.
   */
  valueResolver(quickly?: boolean, names?: CapturedNames): Promise<ValueResolver>;
  /** Innermost (inlined) function, file and line of an address: for callers pass the return address minus 1. */
  positionOf(address: number): Promise<SourcePosition | undefined>;
  /**
   * Where the first `bytes` of a function's code come from, in address order: one position for each run of instructions
   * that share it.
   */
  positionsOf(fn: GoFunction, bytes: number): Promise<readonly SourcePosition[]>;
  /** All functions that an address belongs to, inlined ones too; undefined where it is no Go function's. */
  framesOf(address: number): Promise<CodeFrames | undefined>;
  /** How many inlined copies of the function the binary holds; 0 where unknown. */
  inlinedCallCount(fn: GoFunction): Promise<number>;
  /** Where the function's calls were inlined, by address; at most `limit` of them. */
  inlinedCalls(fn: GoFunction, limit: number): Promise<readonly InlinedCall[]>;
  /** A function of which the binary holds inlined copies, but no code of its own. */
  inlinedOnly(name: string): Promise<GoFunction | undefined>;
  /** The parameters of an inlined call of `fn`; undefined where DWARF does not describe just this call. */
  inlinedParams(fn: GoFunction, call: InlinedCall): Promise<readonly InlinedParam[] | undefined>;
  /** What was inlined into a function; undefined where nothing was. */
  inlineMap(fn: GoFunction): Promise<InlineMap | undefined>;
  /** The function's machine code. */
  code(fn: GoFunction): Promise<Uint8Array>;
  /** File offset of a virtual address inside an executable segment. */
  fileOffset(address: number): number | undefined;
  close(): void;
}
