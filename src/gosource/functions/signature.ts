/** The types of a source function's parameters and results, as the binary's function has them. */

import { isRefusal, type Refusal, refuse } from "../../goabi/refusal.ts";
import type { GoType } from "../../goabi/type.ts";
import type { BuildInfo, Signature, TypeData, Variable } from "../../gobinary/api.ts";
import type { BuildPackages } from "../packages/buildPackages.ts";
import { minorVersion } from "../packages/buildTags.ts";
import type { FunctionLiteral, TypeDeclaration } from "../syntax/declarations.ts";
import type { ParamExpr, TextPosition } from "../syntax/syntax.ts";
import { parseTypeArgs } from "../types/linkType.ts";
import { type Contradiction, TypeBuilder } from "../types/typeBuilder.ts";
import { fileScope, unknown } from "../types/typeNames.ts";
import type { Scope, TypeRef } from "../types/typeRef.ts";
import { dictionaryPlaces, withPlace } from "./dictionaryPlaces.ts";
import type { SourceFunction } from "./sourceFunction.ts";
import { type WrapperSignature, wrapperSignature } from "./wrappers.ts";

export interface SignatureOptions {
  /** Pointers followed when types are read: beyond, a pointee reads as unknown. */
  readonly depth: number;
  readonly knownTypes?: TypeData | undefined;
}

export type BuiltSignature = WrapperSignature & {
  /** Why it may be another list of parameters, so that only a binary that confirms this one makes it certain. */
  readonly doubt?: string;
};

/** Each round reads the packages that the one before found missing; imports nest less deeply than this. */
const MAX_ROUNDS = 40;
/** Types looked at below one signature; `*http.Request` at depth 4 has about 900. */
const MAX_TYPES = 20_000;
/** Named types that are kept for the next function; a large server's functions name some 30 000. */
const MAX_NAMED_TYPES = 100_000;

/** Signatures of one binary's functions; what one of them needed, the next one finds built. */
export class SignatureBuilder {
  private readonly packages: BuildPackages;
  private readonly info: BuildInfo;
  private readonly options: SignatureOptions;
  private types: { readonly builder: TypeBuilder; readonly reached: WeakMap<GoType, number> } | undefined;

  constructor(packages: BuildPackages, info: BuildInfo, options: SignatureOptions) {
    this.packages = packages;
    this.info = info;
    this.options = options;
  }

  async signature(source: SourceFunction): Promise<BuiltSignature> {
    for (let round = 0; ; round++) {
      // Types that met a missing package stay incomplete.
      if (this.packages.wantsMore && round === 0) await this.load();
      const { builder, reached } = (this.types ??= this.fresh());
      builder.names.begin();
      const result = attempt(source, this.info, builder);
      if (!result.ok) {
        if (round < MAX_ROUNDS && (await this.load())) continue;
        return result;
      }
      const { params, results } = result.signature;
      const types = [...params, ...results].map((variable) => variable.type);
      const contradiction = reachTypes(types, this.options.depth, builder, reached);
      if (round < MAX_ROUNDS && (await this.load())) continue;
      if (builder.size > MAX_NAMED_TYPES) this.types = undefined;
      return contradiction === undefined || source.file.package.origin !== "module"
        ? result
        : refuse(
            `the source is not what the binary was built from: type ${contradiction.linkName}: ${contradiction.what}`,
          );
    }
  }

  /** True where packages were read, and with them types may have become known. */
  private async load(): Promise<boolean> {
    if (!(await this.packages.load())) return false;
    this.types = undefined;
    return true;
  }

  private fresh(): NonNullable<typeof this.types> {
    return { builder: new TypeBuilder(this.packages, this.options.knownTypes), reached: new WeakMap() };
  }
}

function attempt(source: SourceFunction, info: BuildInfo, builder: TypeBuilder): BuiltSignature {
  const { declaration, literal, file, receiverType } = source;
  if (receiverType !== undefined) return wrapperSignature(source, receiverType, builder);
  const expr = literal ?? declaration;
  if (expr === undefined) return refuse("it stands in no source");
  const instance = instanceOf(source, builder);
  if (isRefusal(instance)) return instance;
  const start = expr.range.start;
  const scope: Scope = {
    file,
    typeArgs: instance.typeArgs,
    localTypes: literal === undefined ? [] : visibleTypes(source, start),
    localConstants: literal === undefined ? [] : (declaration?.localConstants ?? []),
  };
  const { names } = builder;
  const hasDictionary = instance.dictionary && literal === undefined;
  const placeOf =
    hasDictionary && declaration !== undefined && minorVersion(info.goVersion) >= UNIFIED_DICTIONARIES
      ? dictionaryPlaces(declaration, scope, builder)
      : () => undefined;
  const typeOf = (ref: (within: Scope) => TypeRef) => withPlace(builder.build(ref(scope)), placeOf(ref));
  const variable = (param: ParamExpr): Variable => {
    const blank = param.name === "" || param.name === "_";
    return { name: blank ? "_" : param.name, type: typeOf((within) => names.parameter(param, within)), blank };
  };
  const params = expr.params.map(variable);
  const receiver = literal === undefined ? declaration?.receiver : undefined;
  if (receiver !== undefined) params.unshift(variable(receiver.param));
  if (hasDictionary) {
    // Before the unified front end a method's dictionary came before its receiver (noder/stencil.go).
    const at = receiver !== undefined && minorVersion(info.goVersion) >= UNIFIED_DICTIONARIES ? 1 : 0;
    params.splice(at, 0, { name: ".dict", type: DICTIONARY, blank: true });
  }
  const results = expr.results.map((result, index): Variable => {
    const unnamed = result.name === "" || result.name === "_";
    const type = typeOf((within) => names.typeOf(result.type, within));
    return { name: unnamed ? `~r${index}` : result.name, type, blank: false };
  });
  const complete = params.every((param) => param.type.size >= 0);
  const signature: Signature = { params, results, complete, source: "go-source" };
  const doubt = instance.doubt ?? (literal === undefined ? undefined : addedParameters(literal, info));
  return { ok: true, signature, ...(doubt === undefined ? {} : { doubt }) };
}

/**
 * A literal that is called directly gets the variables that it captures as parameters, before its own (cmd/compile,
 * walk/closure.go directClosureCall; gc/closure.go transformclosure); go and defer call one so up to Go 1.16.
 */
function addedParameters({ called }: FunctionLiteral, info: BuildInfo): string | undefined {
  if (called === undefined || (called === "by go or defer" && minorVersion(info.goVersion) >= 17)) return undefined;
  return "the literal is called where it stands, so that the compiler passes what it captures as additional parameters";
}

/** Go 1.20: the unified front end. */
const UNIFIED_DICTIONARIES = 20;
const DICTIONARY: GoType = { kind: "uintptr", name: "uintptr", size: 8, align: 8, named: false };

type Instance =
  | { readonly typeArgs: ReadonlyMap<string, TypeRef>; readonly dictionary: boolean; readonly doubt?: string }
  | Refusal;

/** What the type parameters stand for in this instance of a generic function. */
function instanceOf({ declaration, file, typeArgs }: SourceFunction, builder: TypeBuilder): Instance {
  const all = [...(declaration?.receiver?.typeParams ?? []), ...(declaration?.typeParams ?? [])];
  if (all.length === 0) {
    return typeArgs === undefined
      ? { typeArgs: new Map(), dictionary: false }
      : refuse("the binary has a generic function, the source one without type parameters");
  }
  if (typeArgs === undefined) return refuse("the source has a generic function, the binary one without type arguments");
  if (typeArgs.includes("...")) {
    const reason = "its name in the stripped binary leaves out the type arguments";
    const unnamed = new Map(all.map((name) => [name, unknown(name, reason)]));
    return { typeArgs: unnamed, dictionary: true, doubt: `${reason}, on which its parameters depend` };
  }
  const scope = fileScope(file);
  const refs = parseTypeArgs(typeArgs, (path, name, args) => builder.names.byPath(path, name, args, scope));
  if (refs === undefined || refs.length !== all.length) {
    // See debuginfo/types.ts, withoutHashes.
    if (/\bgo\.shape\.[0-9a-f]{64}\b/.test(typeArgs)) {
      return refuse("its name has only a hash of the type arguments, which are long");
    }
    return refuse(`the type arguments [${typeArgs.slice(0, 200)}] of its name are not understood`);
  }
  const bound = new Map<string, TypeRef>();
  for (const [index, name] of all.entries()) bound.set(name, refs[index] ?? unknown(name, "no argument"));
  // Instances over shapes hold the code and take a dictionary; others are wrappers that call them.
  if (refs.every((ref) => ref.ref === "shape")) return { typeArgs: bound, dictionary: true };
  return { typeArgs: bound, dictionary: false, doubt: "it is the compiler's wrapper of a generic instance" };
}

function visibleTypes({ declaration }: SourceFunction, at: TextPosition): readonly TypeDeclaration[] {
  const before = (a: TextPosition, b: TextPosition): boolean =>
    a.line < b.line || (a.line === b.line && a.column <= b.column);
  return (declaration?.localTypes ?? []).filter(({ scope }) => before(scope.start, at) && before(at, scope.end));
}

/**
 * Reads every getter down to `depth` pointers, so that the packages they need are loaded while that is still possible.
 * Elements of slices, maps and channels count as no pointer, as in the value text. Returns the first type of which source
 * and binary differ; without one, `reached` has the types and depths that need not be looked at again.
 */
function reachTypes(
  types: readonly GoType[],
  depth: number,
  builder: TypeBuilder,
  reached: WeakMap<GoType, number>,
): Contradiction | undefined {
  const seen = new Map<GoType, number>();
  let queue = types.map((type) => ({ type, left: depth }));
  let count = 0;
  let contradiction: Contradiction | undefined;
  while (queue.length > 0) {
    const next: typeof queue = [];
    for (const { type, left } of queue) {
      if ((seen.get(type) ?? reached.get(type) ?? -1) >= left || ++count > MAX_TYPES) continue;
      seen.set(type, left);
      contradiction ??= builder.contradictions.get(type);
      for (const { type: inner, cost } of parts(type, left)) next.push({ type: inner, left: left - cost });
    }
    queue = next;
  }
  if (contradiction === undefined && count <= MAX_TYPES) for (const [type, left] of seen) reached.set(type, left);
  return contradiction;
}

function parts(type: GoType, left: number): { type: GoType; cost: number }[] {
  switch (type.kind) {
    case "ptr":
      return left > 0 ? [{ type: type.elem, cost: 1 }] : [];
    case "slice":
    case "array":
    case "chan":
      return [{ type: type.elem, cost: 0 }];
    case "map":
      return [
        { type: type.key, cost: 0 },
        { type: type.elem, cost: 0 },
      ];
    case "struct":
      return type.fields.map((field) => ({ type: field.type, cost: 0 }));
    default:
      return [];
  }
}
