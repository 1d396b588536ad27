/** Type expressions to type references: what every name means where it stands. */

import { isRefusal, type Refusal, refuse } from "../../goabi/refusal.ts";
import type { ScalarKind } from "../../goabi/type.ts";
import { escapePackagePath, joinLinkName } from "../../goname/linkName.ts";
import type { BuildPackages } from "../packages/buildPackages.ts";
import { GoPackage, type SourceFile } from "../packages/package.ts";
import type { ConstDeclaration, TypeDeclaration } from "../syntax/declarations.ts";
import type { ConstExpr, FuncSignature, ParamExpr, TypeExpr } from "../syntax/syntax.ts";
import { type ConstResult, type ConstScope, convertConst, evaluateConst, toLength } from "./constants.ts";
import { type FuncRef, isExported, type NamedRef, type Scope, type TypeRef, type UnknownRef } from "./typeRef.ts";

/** Aliases of aliases, constants by types by constants: nobody writes more; a cycle is not valid Go. */
const MAX_RESOLVE_DEPTH = 120;
/** A generic type that instantiates itself with ever larger arguments is not valid Go; hostile text may hold one. */
const MAX_TYPE_ARGS = 64;

/** References and constants looked at before a request is given up; `net/http` needs some ten thousand. */
const MAX_STEPS = 200_000;

const BASIC = new Map<string, ScalarKind>(
  "bool int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 uintptr float32 float64 complex64 complex128 string"
    .split(" ")
    .map((name) => [name, name as ScalarKind]),
);
BASIC.set("byte", "uint8");
BASIC.set("rune", "int32");

const NO_CGO = "a C type: cgo's own layouts are not read";

/**
 * What cgo declares a type of its own for, in the package's place. Other names are aliases, of what only the C compiler
 * knows (`C.size_t` is `main._Ctype_ulong`), so they are shown as the source has them.
 */
const DECLARED_BY_CGO = /^(?:s?char|(?:complex)?(?:double|float)|struct_\w+|u?(?:char|short|int|long|longlong))$/;

interface MissingImport extends Refusal {
  /** The import that is probably meant. */
  readonly path: string | undefined;
  readonly aliased: boolean;
}

/** Sizes need layouts, layouts need references: the one who knows both lends this. */
export interface Sizes {
  sizeOf(ref: TypeRef): number | undefined;
}

export class TypeNames {
  private readonly packages: BuildPackages;
  private readonly sizes: Sizes;
  private readonly constants = new Map<ConstDeclaration, ConstResult>();
  private depth = 0;
  private steps = 0;

  constructor(packages: BuildPackages, sizes: Sizes) {
    this.packages = packages;
    this.sizes = sizes;
  }

  /** A new request: what the ones before it took does not count. */
  begin(): void {
    this.steps = 0;
  }

  typeOf(expr: TypeExpr, scope: Scope): TypeRef {
    if (this.depth > MAX_RESOLVE_DEPTH) return unknown("…", "types refer to each other too deeply");
    if (++this.steps > MAX_STEPS) return unknown("…", "too many types are involved");
    this.depth++;
    try {
      return this.resolveAt(expr, scope);
    } finally {
      this.depth--;
    }
  }

  /** The type that a declaration gives its name, with the reference's type arguments in place. */
  underlying(ref: NamedRef): TypeRef {
    return this.typeOf(ref.declaration.type, scopeOf(ref));
  }

  signature(expr: FuncSignature, scope: Scope): FuncRef {
    return {
      ref: "func",
      params: expr.params.map((param) => this.parameter(param, scope)),
      variadic: expr.params.at(-1)?.variadic === true,
      results: expr.results.map((result) => this.typeOf(result.type, scope)),
    };
  }

  parameter(param: ParamExpr, scope: Scope): TypeRef {
    const type = this.typeOf(param.type, scope);
    return param.variadic ? { ref: "slice", elem: type } : type;
  }

  /** A named type by its package's whole path, as a generic instance's linker name has it. */
  byPath(packagePath: string, name: string, args: readonly TypeRef[], scope: Scope): TypeRef {
    const own = scope.file.package;
    const owner = packagePath === own.linkPath ? own : this.packages.get(packagePath, undefined);
    return this.inPackage(owner, packagePath, `${packagePath.split("/").at(-1)}.${name}`, name, args);
  }

  private resolveAt(expr: TypeExpr, scope: Scope): TypeRef {
    switch (expr.kind) {
      case "bad":
        return unknown("?", expr.reason);
      case "pointer":
      case "slice":
        return { ref: expr.kind, elem: this.typeOf(expr.elem, scope) };
      case "array": {
        const elem = this.typeOf(expr.elem, scope);
        const length = this.length(expr.length, scope);
        if (typeof length === "number") return { ref: "array", elem, length };
        return unknown("[…]", `the array's length is not known: ${length.reason}`);
      }
      case "map":
        return { ref: "map", key: this.typeOf(expr.key, scope), elem: this.typeOf(expr.elem, scope) };
      case "chan":
        return { ref: "chan", direction: expr.direction, elem: this.typeOf(expr.elem, scope) };
      case "func":
        return this.signature(expr, scope);
      case "struct":
        return {
          ref: "struct",
          fields: expr.fields.map((field) => ({
            name: field.name,
            embedded: field.embedded,
            type: this.typeOf(field.type, scope),
            tag: field.tag,
            owner: scope.file.package.linkPath,
          })),
        };
      case "interface":
        return {
          ref: "interface",
          methods: expr.methods.map((method) => ({
            name: method.name,
            package: scope.file.package,
            type: this.signature(method, scope),
            names: [...method.params, ...method.results].map(({ name }) => name),
          })),
          embedded: expr.embedded.map((embedded) => this.typeOf(embedded, scope)),
        };
      case "name":
        return this.named(expr.qualifier, expr.name, expr.args, scope);
    }
  }

  private named(qualifier: string | undefined, name: string, argExprs: readonly TypeExpr[], scope: Scope): TypeRef {
    if (argExprs.length > MAX_TYPE_ARGS) return unknown(name, "it has too many type arguments");
    const args = argExprs.map((arg) => this.typeOf(arg, scope));
    if (qualifier !== undefined) return this.qualified(qualifier, name, args, scope);
    const parameter = scope.typeArgs.get(name);
    if (parameter !== undefined) return parameter;
    const local = scope.localTypes.findLast((type) => type.name === name);
    if (local !== undefined) return this.declared(local, scope.file, args, scope);
    const own = scope.file.package.type(name);
    if (own !== undefined) {
      return "found" in own
        ? this.declared(own.found, own.file, args, undefined)
        : unknown(`${scope.file.package.name}.${name}`, own.reason);
    }
    return this.dotImported(name, args, scope) ?? universe(name) ?? undeclared(name, scope.file);
  }

  private declared(
    declaration: TypeDeclaration,
    file: SourceFile,
    args: readonly TypeRef[],
    scope: Scope | undefined,
  ): TypeRef {
    const name = `${file.package.name}.${declaration.name}`;
    if (declaration.typeParams.length !== args.length) {
      return unknown(name, `it takes ${declaration.typeParams.length} type arguments, not ${args.length}`);
    }
    const ref: NamedRef = { ref: "named", declaration, file, args, ...(scope === undefined ? {} : { scope }) };
    return declaration.alias ? this.underlying(ref) : ref;
  }

  private qualified(qualifier: string, name: string, args: readonly TypeRef[], scope: Scope): TypeRef {
    const text = `${qualifier}.${name}`;
    const target = this.importNamed(qualifier, scope.file);
    if (target === "unsafe") {
      return name === "Pointer"
        ? { ref: "basic", name: "unsafe.Pointer" }
        : unknown(text, "package unsafe has no such type");
    }
    if (isRefusal(target)) {
      if (target.reason === NO_CGO)
        return unknown(DECLARED_BY_CGO.test(name) ? `${scope.file.package.name}._Ctype_${name}` : text, NO_CGO);
      if (target.path === undefined || args.length > 0) return unknown(text, target.reason);
      const linkName = joinLinkName(escapePackagePath(target.path), name);
      return { ...unknown(text, target.reason), linkName, aliased: target.aliased };
    }
    return this.inPackage(target, target.linkPath, text, name, args);
  }

  private inPackage(
    owner: ReturnType<BuildPackages["get"]>,
    path: string,
    text: string,
    name: string,
    args: readonly TypeRef[],
  ): TypeRef {
    const linkName = `${path}.${name}`;
    if (owner === undefined) return { ...unknown(text, `the source of ${path} has not been read`), linkName };
    if (isRefusal(owner)) return { ...unknown(text, owner.reason), linkName };
    text = `${owner.name}.${name}`;
    const declaration = owner.type(name);
    if (declaration === undefined) return { ...unknown(text, `${owner.dir} does not declare ${name}`), linkName };
    if (isRefusal(declaration)) return { ...unknown(text, declaration.reason), linkName };
    return this.declared(declaration.found, declaration.file, args, undefined);
  }

  private dotImported(name: string, args: readonly TypeRef[], scope: Scope): TypeRef | undefined {
    if (!isExported(name)) return undefined;
    const { package: own } = scope.file;
    for (const spec of own.declarations(scope.file)?.imports ?? []) {
      if (spec.alias !== ".") continue;
      const target = this.packages.get(spec.path, own);
      if (target === undefined) return unknown(name, `the source of ${spec.path} has not been read`);
      if (isRefusal(target)) return unknown(name, target.reason);
      const hit = target.type(name);
      if (hit !== undefined) {
        return "found" in hit ? this.declared(hit.found, hit.file, args, undefined) : unknown(name, hit.reason);
      }
    }
    return undefined;
  }

  /** The package that a file's qualifier stands for; by alias, else by the imported packages' own clauses. */
  private importNamed(qualifier: string, file: SourceFile): GoPackage | "unsafe" | MissingImport {
    const imports = file.package.declarations(file)?.imports ?? [];
    const aliased = imports.find((spec) => spec.alias === qualifier);
    const candidates = aliased !== undefined ? [aliased] : imports.filter((spec) => spec.alias === undefined);
    let reason = `${file.path} imports no package ${qualifier}`;
    let path: string | undefined;
    for (const plausible of aliased !== undefined ? [true] : [true, false]) {
      for (const spec of candidates) {
        if (aliased === undefined && plausibleName(spec.path, qualifier) !== plausible) continue;
        if (spec.path === "unsafe") {
          if (aliased !== undefined || qualifier === "unsafe") return "unsafe";
          continue;
        }
        if (spec.path === "C") {
          if (qualifier === "C") return { ...refuse(NO_CGO), path: undefined, aliased: false };
          continue;
        }
        const target = this.packages.get(spec.path, file.package);
        if (target instanceof GoPackage) {
          if (aliased !== undefined || target.name === qualifier) return target;
        } else if (plausible) {
          reason = target === undefined ? `the source of ${spec.path} has not been read` : target.reason;
          path = spec.path;
          // The likely package comes first; the others are only read when it turns out to be another one.
          if (target === undefined) return { ...refuse(reason), path, aliased: aliased !== undefined };
        }
      }
    }
    return { ...refuse(reason), path, aliased: aliased !== undefined };
  }

  private length(expr: ConstExpr, scope: Scope): number | Refusal {
    return toLength(this.constant(expr, undefined, scope, 0));
  }

  private constant(expr: ConstExpr, iota: number | undefined, scope: Scope, depth: number): ConstResult {
    if (this.depth > MAX_RESOLVE_DEPTH || ++this.steps > MAX_STEPS) return refuse("constants refer to each other");
    this.depth++;
    try {
      return evaluateConst(expr, iota, this.constScope(scope), depth);
    } finally {
      this.depth--;
    }
  }

  private constScope(scope: Scope): ConstScope {
    const { file } = scope;
    return {
      constant: (qualifier, name, depth) => {
        if (qualifier === undefined) {
          if (scope.localConstants.includes(name)) return refuse(`${name} is declared inside the function`);
          return this.packageConstant(file.package, name, depth);
        }
        const target = this.importNamed(qualifier, file);
        if (target === "unsafe") return undefined;
        if (isRefusal(target)) return target;
        return this.packageConstant(target, name, depth);
      },
      basicKind: (type) => this.basicKind(this.typeOf(type, scope)),
      sizeOf: (type) => this.sizes.sizeOf(this.typeOf(type, scope)),
      arrayLength: (type) => {
        const ref = this.typeOf(type, scope);
        return ref.ref === "array" ? ref.length : undefined;
      },
      isUnsafe: (qualifier) => this.importNamed(qualifier, file) === "unsafe",
    };
  }

  private packageConstant(owner: GoPackage, name: string, depth: number): ConstResult | undefined {
    const hit = owner.constant(name);
    if (hit === undefined) return undefined;
    if (isRefusal(hit)) return hit;
    const known = this.constants.get(hit.found);
    if (known !== undefined) return known;
    const scope = fileScope(hit.file);
    const value = this.constant(hit.found.value, hit.found.iota, scope, depth + 1);
    const result =
      hit.found.type === undefined ? value : convertConst(value, this.basicKind(this.typeOf(hit.found.type, scope)));
    this.constants.set(hit.found, result);
    return result;
  }

  private basicKind(ref: TypeRef): ScalarKind | undefined {
    let at = ref;
    for (let step = 0; step < MAX_RESOLVE_DEPTH; step++) {
      if (at.ref === "basic") return at.name;
      if (at.ref !== "named") return undefined;
      at = this.underlying(at);
    }
    return undefined;
  }
}

export function fileScope(file: SourceFile): Scope {
  return { file, typeArgs: new Map(), localTypes: [], localConstants: [] };
}

function scopeOf(ref: NamedRef): Scope {
  const { declaration, file, args, scope } = ref;
  const own = new Map(declaration.typeParams.map((name, index) => [name, args[index] ?? unknown(name, "no argument")]));
  if (scope === undefined) return { ...fileScope(file), typeArgs: own };
  return { ...scope, typeArgs: new Map([...scope.typeArgs, ...own]) };
}

function universe(name: string): TypeRef | undefined {
  const basic = BASIC.get(name);
  if (basic !== undefined) return { ref: "basic", name: basic };
  if (name === "error") return { ref: "error" };
  if (name === "any") return { ref: "interface", methods: [], embedded: [] };
  if (name === "comparable") return unknown("comparable", "comparable is no type of a value");
  return undefined;
}

function undeclared(name: string, file: SourceFile): UnknownRef {
  return unknown(`${file.package.name}.${name}`, `${name} is not declared in ${file.package.dir}`);
}

export function unknown(name: string, reason: string): UnknownRef {
  return { ref: "unknown", name, reason };
}

/** What people name packages: the last element, without a version, `go-` or `.go`. Only decides what is read first. */
function plausibleName(path: string, name: string): boolean {
  const parts = path.split("/");
  const last = parts.at(-1) ?? "";
  const candidates = /^v\d+$/.test(last) ? [last, parts.at(-2) ?? ""] : [last];
  return candidates.some((part) => {
    const plain = part.replace(/\.v\d+$/, "");
    return [
      plain,
      plain.replace(/^go-/, ""),
      plain.replace(/[-.]go$/, ""),
      plain.replaceAll("-", "_"),
      plain.replaceAll("-", ""),
    ].includes(name);
  });
}
