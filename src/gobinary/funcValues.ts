/** What a func value is: the name of its code and the variables that its closure object holds. */
import { DamagedError } from "../bytes/reader.ts";
import { roundUp } from "../goabi/layout.ts";
import type { ClosureVariable, FuncInfo } from "../goabi/resolver.ts";
import { CLOSURE } from "../goabi/runtime/closure.ts";
import type { GoType } from "../goabi/type.ts";
import type { Closure } from "./api.ts";
import { CLOSURE_OFFSETS_SINCE, closureVariables } from "./debuginfo/closureVariables.ts";
import type { Dwarf } from "./debuginfo/dwarf.ts";
import type { Pclntab } from "./pclntab.ts";

/** A trace meets few functions; a full table starts again. */
const MAX_KNOWN = 65_536;

const METHOD_VALUE = "-fm";

export interface FuncValueSources {
  readonly pclntab: Pclntab;
  /** The linker's name of the function that starts at an address. */
  readonly nameAtEntry: (address: number) => string | undefined;
  readonly dwarf: Dwarf | undefined;
  readonly goMinor: number;
  readonly findType: (linkName: string) => GoType | undefined;
  /** Whether an address is the file's own, not the heap's. */
  readonly isInFile: (address: number) => boolean;
}

export class FuncValues {
  readonly #from: FuncValueSources;
  readonly #known = new Map<number, FuncInfo>();

  constructor(sources: FuncValueSources) {
    this.#from = sources;
  }

  funcAt(code: number, object: number): FuncInfo {
    const name = this.#nameAt(code);
    if (name === undefined) return { reason: "its code is not in the program file" };
    // The linker makes the object of a func that captures nothing; one with captured variables is made at run time.
    if (this.#from.isInFile(object)) return { name, captured: [] };
    let info = this.#known.get(code);
    if (info === undefined) {
      info = this.#describe(name, code);
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      this.#known.set(code, info);
    }
    return info;
  }

  /** Those whose receiver's type is known, in the order of their code. */
  *methodValues(): Generator<Closure> {
    const { pclntab } = this.#from;
    for (let index = 0; index < pclntab.count; index++) {
      const name = this.#undamaged(() => pclntab.name(index));
      const receiver = name?.endsWith(METHOD_VALUE) === true ? this.#receiver(name) : undefined;
      if (receiver !== undefined) yield { address: pclntab.entry(index), captured: [receiver] };
    }
  }

  #nameAt(code: number): string | undefined {
    return this.#undamaged(() => this.#from.nameAtEntry(code));
  }

  #undamaged<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (error instanceof DamagedError) return undefined;
      throw error;
    }
  }

  #describe(name: string, code: number): FuncInfo {
    if (name.endsWith(METHOD_VALUE)) {
      const receiver = this.#receiver(name);
      if (receiver === undefined)
        return { name, captured: [], missing: "its receiver's type is not in the binary's type data" };
      return { name, captured: [receiver] };
    }
    const { dwarf, goMinor } = this.#from;
    if (dwarf === undefined) return { name, captured: [], missing: "its captured variables: the binary has no DWARF" };
    if (goMinor < CLOSURE_OFFSETS_SINCE)
      return { name, captured: [], missing: "its captured variables: Go before 1.23 does not tell their places" };
    try {
      const captured = closureVariables(dwarf, code) ?? [];
      return captured.length > 0
        ? { name, captured }
        : { name, captured, missing: "its captured variables are not in the binary's DWARF" };
    } catch (error) {
      if (error instanceof DamagedError) return { name, captured: [], missing: "the binary's DWARF is damaged" };
      throw error;
    }
  }

  /** `net/url.(*URL).String-fm`, `main.T.M-fm` (cmd/compile/internal/closure, MethodValueType: struct { F uintptr; R T }). */
  #receiver(name: string): ClosureVariable | undefined {
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

/** From the last element of the package's path on; type arguments may hold paths of their own. */
function withoutPath(name: string): string {
  const bracket = name.indexOf("[");
  const slash = name.lastIndexOf("/", bracket === -1 ? name.length : bracket);
  return name.slice(slash + 1);
}
