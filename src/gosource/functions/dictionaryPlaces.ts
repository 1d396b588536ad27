/**
 * Where the dictionary of a generic function has the types of its parameters and results, from the source alone (DWARF
 * says it outright). Since Go 1.20 the compiler gives each type that depends on type parameters a word when it first
 * meets it, and receiver, parameters and results, as they stand, are the first that it meets in a function
 * (cmd/compile/internal/noder/writer.go: addLocal, varDictIndex, rtypeIdx). The methods of a type share one dictionary,
 * in which a type is found by its name.
 */
import type { DictionaryPlace, GoType } from "../../goabi/type.ts";
import type { FunctionDeclaration } from "../syntax/declarations.ts";
import type { ParamExpr } from "../syntax/syntax.ts";
import type { TypeBuilder } from "../types/typeBuilder.ts";
import { unknown } from "../types/typeNames.ts";
import type { Scope, TypeRef } from "../types/typeRef.ts";

const PLACEHOLDER = /‹\d+›/;

export type PlaceOf = (ref: (scope: Scope) => TypeRef) => DictionaryPlace | undefined;

/** `scope`: of the function. The answer is for types as they resolve in a scope with other type arguments. */
export function dictionaryPlaces(
  { receiver, typeParams, params, results }: FunctionDeclaration,
  scope: Scope,
  builder: TypeBuilder,
): PlaceOf {
  const { names } = builder;
  const own = receiver === undefined ? typeParams : receiver.typeParams;
  const abstract: Scope = {
    ...scope,
    typeArgs: new Map(own.map((name, index) => [name, unknown(`‹${index}›`, "a type parameter")])),
  };
  const nameOf = (ref: (scope: Scope) => TypeRef): string | undefined => {
    const name = builder.linkName(ref(abstract));
    return name !== undefined && PLACEHOLDER.test(name) ? name : undefined;
  };
  if (receiver !== undefined) {
    const type = nameOf((within) => names.parameter(receiver.param, within));
    const base = type === undefined ? undefined : /^\*?([^[]+)\[/.exec(type)?.[1];
    // Without a name it has no place in the dictionary; type parameters of a method's own have another dictionary.
    if (base === undefined || receiver.param.name === "" || typeParams.length > 0) return () => undefined;
    return (ref) => {
      const name = nameOf(ref);
      return name === undefined ? undefined : { name, receiver: base };
    };
  }
  const numbers = new Map<string, number>();
  const add = (name: string | undefined): void => {
    if (name !== undefined && !numbers.has(name)) numbers.set(name, numbers.size);
  };
  const ofParam = (param: ParamExpr) => nameOf((within) => names.parameter(param, within));
  // Versions differ in whether a parameter without a name has a place.
  if (params.some((param) => param.name === "" && ofParam(param) !== undefined)) return () => undefined;
  for (const param of params) add(ofParam(param));
  for (const result of results) add(nameOf((within) => names.typeOf(result.type, within)));
  return (ref) => {
    const order = numbers.get(nameOf(ref) ?? "");
    return order === undefined ? undefined : { order };
  };
}

/** The type, which is read when it is asked for, with its place. */
export function withPlace(type: GoType, inDictionary: DictionaryPlace | undefined): GoType {
  if (inDictionary === undefined) return type;
  const properties = {
    ...Object.getOwnPropertyDescriptors(type),
    inDictionary: { value: inDictionary, enumerable: true },
  };
  return Object.defineProperties({}, properties) as GoType;
}
