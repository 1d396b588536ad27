/**
 * Signatures of methods from the runtime's type data, which stripped binaries keep: a type's method table leads to each
 * method's code and func type (runtime/type.go, reflect.Type.Method). Names of parameters stand nowhere in it.
 */
import type { GoType } from "../../goabi/type.ts";
import { withoutTypeArgs } from "../../goname/linkName.ts";
import type { GoFunction, Signature, Variable } from "../api.ts";
import type { TypeDescriptors, TypeMethod } from "./typeDescriptors.ts";

export class MethodTables {
  readonly #types: TypeDescriptors;
  readonly #text: number;
  /** By address of the code; several tables that name one code contradict each other. */
  #byEntry: Map<number, TypeMethod | "ambiguous"> | undefined;

  /** `text`: `moduledata.text`. */
  constructor(types: TypeDescriptors, text: number) {
    this.#types = types;
    this.#text = text;
  }

  /** Undefined where no table has the function, or what it says does not fit the function's name. */
  signature({ entry, name }: GoFunction): Signature | undefined {
    const method = this.#methods().get(entry);
    if (method === undefined || method === "ambiguous") return undefined;
    const receiver = this.#types.typeAt(method.receiver);
    if (receiver === undefined || !isMethodOf(name, receiver, method.name)) return undefined;
    const { params, results } = this.#types.funcType(method.func);
    const complete = [receiver, ...params].every(({ size }) => size >= 0);
    return {
      params: [variable("~recv", receiver), ...params.map((type, index) => variable(`~p${index}`, type))],
      results: results.map((type, index) => variable(`~r${index}`, type)),
      complete,
      source: "type-data",
    };
  }

  #methods(): Map<number, TypeMethod | "ambiguous"> {
    if (this.#byEntry !== undefined) return this.#byEntry;
    const byEntry = new Map<number, TypeMethod | "ambiguous">();
    for (const method of this.#types.methods()) {
      const entry = this.#text + method.code;
      byEntry.set(entry, byEntry.has(entry) ? "ambiguous" : method);
    }
    this.#byEntry = byEntry;
    return byEntry;
  }
}

/** `pkg.(*T).M` or `pkg.T.M`, with the receiver's own name and kind. */
function isMethodOf(name: string, receiver: GoType, method: string): boolean {
  const type = receiver.kind === "ptr" ? receiver.elem : receiver;
  const typeName = withoutTypeArgs(type.name);
  const local = typeName.slice(typeName.lastIndexOf(".") + 1);
  const holder = receiver.kind === "ptr" ? `(*${local})` : local;
  return withoutTypeArgs(name).endsWith(`.${holder}.${method}`);
}

function variable(name: string, type: GoType): Variable {
  return { name, type, blank: false };
}
