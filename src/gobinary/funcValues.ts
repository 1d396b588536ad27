/** What a func value is: the name of its code and the variables that its closure object holds. */
import { DamagedError } from "../bytes/reader.ts";
import { roundUp } from "../goabi/layout.ts";
import { refuse } from "../goabi/refusal.ts";
import type { ClosureVariable, FuncInfo } from "../goabi/resolver.ts";
import { CLOSURE } from "../goabi/runtime/closure.ts";
import { WORD } from "../goabi/runtime/word.ts";
import { DICTIONARY } from "../goabi/shaped.ts";
import type { GoType, StructField, StructType } from "../goabi/type.ts";
import type { CapturedNames, Closure } from "./api.ts";
import { withNames } from "./capturedNames.ts";
import {
  type CaptureMode,
  CLOSURE_OFFSETS_SINCE,
  closureVariables,
  UNLISTED,
  unknownVariable,
  variableNames,
  variableTypes,
  withHoles,
} from "./debuginfo/closureVariables.ts";
import type { Dwarf } from "./debuginfo/dwarf.ts";
import {
  enclosingNames,
  type PlacesOfShapes,
  placesOfShapes,
  withoutDictionary,
  withPlaces,
} from "./genericClosures.ts";
import type { Pclntab } from "./pclntab.ts";
import type { ObjectSize } from "./stackClosures.ts";

type Func = Extract<FuncInfo, { captured: unknown }>;

/** A trace meets few functions; a full table starts again. */
const MAX_KNOWN = 65_536;

const ADDRESS: GoType = { kind: "uintptr", name: "uintptr", size: 8, align: 8, named: false };

const METHOD_VALUE = "-fm";
/** More than a variable's type has: `**T` is rare. */
const MAX_POINTERS = 16;

export interface CodeNames {
  /** The linker's name of the function that starts at an address. */
  readonly nameAtEntry: (address: number) => string | undefined;
  /** Whether an address is the file's own, not the heap's. */
  readonly isInFile: (address: number) => boolean;
}

export interface FuncValueSources extends CodeNames {
  readonly pclntab: Pclntab;
  readonly dwarf: Dwarf | undefined;
  readonly goMinor: number;
  readonly findType: (linkName: string) => GoType | undefined;
  /** By the code of a closure that is made on the heap: its object's type, the code's address included. */
  readonly objects: ReadonlyMap<number, StructType>;
  /** Of the variables of the other closures that DWARF lists as `&n` (captureModes.ts), by the DIE's offset. */
  readonly captureModes: ReadonlyMap<number, CaptureMode>;
  /** Of the other closures, by their code: how long their objects are. */
  readonly stackSizes: ReadonlyMap<number, ObjectSize>;
  /** Where generic functions with code of their own begin, by the linker's name. */
  readonly genericEntries: () => ReadonlyMap<string, number>;
}

/** Of a program whose closures nobody has looked for. */
export function namesOnly(code: CodeNames): Pick<FuncValues, "funcAt"> {
  return {
    funcAt(address, object) {
      const func = withoutCaptured(code, address, object);
      if (typeof func !== "string") return func;
      return {
        name: func,
        captured: [],
        missing: "what funcs in interfaces have captured is not looked for in so large a program",
      };
    },
  };
}

export class FuncValues {
  readonly #from: FuncValueSources;
  readonly #known = new Map<number, FuncInfo>();
  /** Those that the known ones were described with. */
  #names: CapturedNames | undefined;

  constructor(sources: FuncValueSources) {
    this.#from = sources;
  }

  funcAt(code: number, object: number, names?: CapturedNames): FuncInfo {
    const name = withoutCaptured(this.#from, code, object);
    if (typeof name !== "string") return name;
    if (names !== this.#names) this.#known.clear();
    this.#names = names;
    let info = this.#known.get(code);
    if (info === undefined) {
      info = this.#named(name, code, names);
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(code, info);
    }
    return info;
  }

  /** What the kernel program may copy of closure objects; a part without a name may be a secret. */
  *closures(names?: CapturedNames): Generator<Closure> {
    const { pclntab, dwarf, objects } = this.#from;
    const addresses = new Set([...objects.keys(), ...(dwarf?.closures().keys() ?? [])]);
    for (let index = 0; index < pclntab.count; index++)
      if (undamaged(() => pclntab.name(index))?.endsWith(METHOD_VALUE) === true) addresses.add(pclntab.entry(index));
    for (const address of addresses) {
      const name = nameAt(this.#from, address);
      if (name === undefined) continue;
      const fields = objects.get(address)?.fields;
      const captured: Closure["captured"][number][] = [];
      const func = this.#named(name, address, names);
      for (const variable of func.captured) {
        const { offset, type, inDictionary } = variable;
        const field = fields?.find((part) => part.offset === offset);
        const { dictionary } = func;
        if (dictionary !== undefined && inDictionary !== undefined)
          captured.push({ ...variable, instance: { dictionary, place: inDictionary } });
        else if (type.kind !== "unknown") captured.push(variable);
        else if (field !== undefined) captured.push({ offset, type: field.type, byReference: false });
      }
      // What types the variables have, only its address tells; what it points to, the file has.
      if (func.dictionary !== undefined)
        captured.push({ name: DICTIONARY, offset: func.dictionary, type: ADDRESS, byReference: false });
      const incomplete = func.missing !== undefined || func.captured.some(isUnlisted);
      if (captured.length > 0) yield { address, captured, ...(incomplete ? { incomplete } : {}) };
    }
  }

  /** The dictionary is none of the variables that the source names. */
  #named(name: string, code: number, names: CapturedNames | undefined): Func {
    const info = withNames(withoutDictionary(this.#describe(name, code)), names?.get(code));
    return withPlaces(info, () => this.#placesOfShapes(name, code));
  }

  /** The literal's own variables and those of the functions around it, among them all that it captured. */
  #placesOfShapes(name: string, code: number): PlacesOfShapes {
    const { dwarf, genericEntries } = this.#from;
    const names = dwarf === undefined ? undefined : enclosingNames(name);
    if (dwarf === undefined || names === undefined) return new Map();
    try {
      const entries = names.map((each) => (each === name ? code : genericEntries().get(each)));
      return placesOfShapes(entries.flatMap((entry) => (entry === undefined ? [] : variableTypes(dwarf, entry))));
    } catch (error) {
      if (error instanceof DamagedError) return new Map();
      throw error;
    }
  }

  #listed(dwarf: Dwarf, code: number, object: StructType | undefined): readonly ClosureVariable[] {
    const { captureModes } = this.#from;
    return closureVariables(dwarf, code, (die, offset, elem) => {
      if (object === undefined) return captureModes.get(die.offset);
      const field = object.fields.find((part) => part.offset === offset);
      return field === undefined ? undefined : modeOf(field.type, elem);
    });
  }

  #describe(name: string, code: number): Func {
    const { dwarf, goMinor, objects } = this.#from;
    if (name.endsWith(METHOD_VALUE)) {
      const receiver = this.#receiver(name, code);
      if (receiver === undefined)
        return { name, captured: [], missing: "its receiver's type is not in the binary's type data" };
      return { name, captured: [receiver] };
    }
    try {
      const object = objects.get(code);
      const listed = dwarf === undefined || goMinor < CLOSURE_OFFSETS_SINCE ? [] : this.#listed(dwarf, code, object);
      if (object !== undefined) return { name, captured: this.#fromObject(object, code, listed) };
      if (dwarf === undefined)
        return { name, captured: [], missing: "its captured variables: the binary has no DWARF" };
      if (goMinor < CLOSURE_OFFSETS_SINCE)
        return { name, captured: [], missing: "its captured variables: Go before 1.23 does not tell their places" };
      if (listed.length === 0)
        return { name, captured: [], missing: "its captured variables are not in the binary's DWARF" };
      return { name, ...this.#onStack(dwarf, code, listed) };
    } catch (error) {
      if (error instanceof DamagedError) return { name, captured: [], missing: "the binary's DWARF is damaged" };
      throw error;
    }
  }

  /**
   * What DWARF lists of an object without a descriptor, and what tells that it is not all: optimised code leaves out
   * variables that it does not read, or does not keep.
   */
  #onStack(dwarf: Dwarf, code: number, listed: readonly ClosureVariable[]): Pick<Func, "captured" | "missing"> {
    if (!isOptimised(dwarf.producerAt(code))) return { captured: listed };
    const captured = withHoles(listed);
    const last = listed.at(-1)!;
    const end = last.offset + sizeInObject(last);
    const known = roundUp(end, WORD);
    const isMeasured = listed.every((variable) => sizeInObject(variable) >= 0);
    const size = isMeasured ? this.#from.stackSizes.get(code) : undefined;
    if (size?.exact === true && size.bytes > known)
      return { captured: [...captured, { name: "", type: UNLISTED, offset: known, byReference: false }] };
    if (size?.bytes === known && !hasPadding(listed, known)) return { captured };
    return { captured, missing: "there may be captured variables that are not in the binary's DWARF" };
  }

  /** All that the object holds, with the names that DWARF has, or before Go 1.21 the object's type. */
  #fromObject({ fields }: StructType, code: number, listed: readonly ClosureVariable[]): ClosureVariable[] {
    const { dwarf, goMinor } = this.#from;
    const own = dwarf === undefined || goMinor >= CLOSURE_OFFSETS_SINCE ? undefined : variableNames(dwarf, code);
    const whyUnnamed =
      dwarf === undefined
        ? "a captured variable's name: the binary has no DWARF"
        : goMinor < CLOSURE_OFFSETS_SINCE
          ? "a captured variable's name: Go before 1.23 does not tell its place"
          : "a captured variable is not in the binary's DWARF";
    return fields.slice(1).map((field) => {
      const known = listed.find(({ offset }) => offset === field.offset);
      if (known !== undefined && (known.type.kind === "unknown" || sizeInObject(known) === field.type.size))
        return known;
      return isNumbered(field.name) ? unnamed(field, whyUnnamed) : named(field, own);
    });
  }

  /** `net/url.(*URL).String-fm`, `main.T.M-fm` (cmd/compile/internal/closure, MethodValueType: struct { F uintptr; R T }). */
  #receiver(name: string, code: number): ClosureVariable | undefined {
    const field = this.#from.objects.get(code)?.fields[1];
    if (field !== undefined) return { name: "", type: field.type, offset: field.offset, byReference: false };
    const method = /^(.*?)\.(?:\(\*(.+)\)|([^()]+))\.[^.]+-fm$/.exec(withoutPath(name));
    if (method === null) return undefined;
    const [, last = "", pointer, value] = method;
    const linkName = `${name.slice(0, name.length - withoutPath(name).length)}${last}.${pointer ?? value}`;
    const type = this.#from.findType(linkName);
    if (type === undefined) return undefined;
    const receiver: GoType =
      pointer === undefined
        ? type
        : { kind: "ptr", name: `*${type.name}`, size: 8, align: 8, named: false, elem: type };
    return {
      name: "",
      type: receiver,
      offset: roundUp(CLOSURE.captured, Math.max(receiver.align, 1)),
      byReference: false,
    };
  }
}

/** The name alone where the object may hold captured variables. */
function withoutCaptured(from: CodeNames, code: number, object: number): FuncInfo | string {
  const name = nameAt(from, code);
  if (name === undefined) return refuse("its code is not in the program file");
  // The linker makes the object of a func that captures nothing; one with captured variables is made at run time.
  return from.isInFile(object) ? { name, captured: [] } : name;
}

function nameAt({ nameAtEntry }: CodeNames, code: number): string | undefined {
  return undamaged(() => nameAtEntry(code));
}

function undamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

/** `main.f.func1`, `main.f.func1.2`, `main.f-range1`, `main.f.func1.gowrap1`. */
export function isClosureName(name: string): boolean {
  return /\.(?:func|gowrap|deferwrap)\d+(?:\.\d+)*$|-range\d+$/.test(name);
}

function isUnlisted({ name, type }: ClosureVariable): boolean {
  return name === "" && type.kind === "unknown";
}

/** `X0`, `X1`, …: since Go 1.21 (ClosureType in cmd/compile/internal/typecheck) the fields do not bear the variables' names. */
function isNumbered(fieldName: string): boolean {
  return /^X\d+$/.test(fieldName);
}

/** `held`: the type of what the object holds of a variable of type `type`: that type, or a pointer to it. */
function modeOf(held: GoType, type: GoType): CaptureMode | undefined {
  let [inObject, own] = [held, type];
  // A type may point to itself.
  for (let step = 0; step < MAX_POINTERS && inObject.kind === "ptr" && own.kind === "ptr"; step++)
    [inObject, own] = [inObject.elem, own.elem];
  const target = inObject.kind === "ptr" ? inObject.elem : inObject;
  if (own.kind === "ptr" || target.kind !== own.kind || target.size !== own.size) return undefined;
  return target === inObject ? "value" : "reference";
}

/** Whether small variables may stand between those that are listed, or behind them. */
function hasPadding(listed: readonly ClosureVariable[], end: number): boolean {
  let next: number = CLOSURE.captured;
  for (const variable of listed) {
    if (variable.offset > next) return true;
    next = variable.offset + sizeInObject(variable);
  }
  return end > next;
}

/** The producer has the compiler's flags (cmd/compile, base.RecordFlags). */
function isOptimised(producer: string | undefined): boolean {
  return !/[; ]-N\b/.test(producer ?? "");
}

function sizeInObject({ byReference, type }: ClosureVariable): number {
  return byReference ? WORD : type.size;
}

function unnamed({ offset, type }: StructField, reason: string): ClosureVariable {
  return { name: "", type: unknownVariable(reason), offset, byReference: false, held: type };
}

/** `own`: the names of the closure's variables, `&n` for one that is captured by reference. */
function named({ name, type, offset }: StructField, own: ReadonlySet<string> | undefined): ClosureVariable {
  if (type.kind !== "ptr") return { name, type, offset, byReference: false };
  if (own?.has(`&${name}`) === true) return { name, type: type.elem, offset, byReference: true };
  if (own?.has(name) === true) return { name, type, offset, byReference: false };
  const unknown = unknownVariable("the binary does not tell whether it is captured by reference");
  return { name, type: unknown, offset, byReference: false, held: type };
}

/** From the last element of the package's path on; type arguments may hold paths of their own. */
function withoutPath(name: string): string {
  const bracket = name.indexOf("[");
  const slash = name.lastIndexOf("/", bracket === -1 ? name.length : bracket);
  return name.slice(slash + 1);
}
