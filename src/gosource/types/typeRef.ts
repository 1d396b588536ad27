/**
 * Types after name resolution and before layout: what each name means is settled (aliases expanded, type arguments
 * substituted), but a named type's structure is not looked into until somebody asks. So `*tls.Config` costs one look-up.
 */
import type { ScalarKind } from "../../goabi/type.ts";
import type { GoPackage, SourceFile } from "../packages/package.ts";
import type { TypeDeclaration } from "../syntax/declarations.ts";

export type TypeRef =
  | { readonly ref: "basic"; readonly name: ScalarKind }
  /** The predeclared `error`. */
  | { readonly ref: "error" }
  | NamedRef
  | { readonly ref: "pointer" | "slice"; readonly elem: TypeRef }
  | { readonly ref: "array"; readonly elem: TypeRef; readonly length: number }
  | { readonly ref: "map"; readonly key: TypeRef; readonly elem: TypeRef }
  | { readonly ref: "chan"; readonly direction: "both" | "send" | "receive"; readonly elem: TypeRef }
  | FuncRef
  | { readonly ref: "struct"; readonly fields: readonly FieldRef[] }
  | InterfaceRef
  /** A func or interface type of which only the linker's text is known; for a value that is enough. */
  | { readonly ref: "opaque"; readonly kind: "func" | "interface"; readonly text: string }
  /** A generic instance's type parameter where only its GC shape is known (`go.shape.int`). */
  | { readonly ref: "shape"; readonly under: TypeRef }
  | UnknownRef;

export interface NamedRef {
  readonly ref: "named";
  readonly declaration: TypeDeclaration;
  readonly file: SourceFile;
  readonly args: readonly TypeRef[];
  /** Set for a type declared inside a function: what its body may name. */
  readonly scope?: Scope;
}
export interface FuncRef {
  readonly ref: "func";
  readonly params: readonly TypeRef[];
  readonly variadic: boolean;
  readonly results: readonly TypeRef[];
}
export interface FieldRef {
  readonly name: string;
  readonly embedded: boolean;
  readonly type: TypeRef;
  readonly tag: string;
  /** Linker path of the package that an unexported field belongs to. */
  readonly owner: string;
}
export interface InterfaceRef {
  readonly ref: "interface";
  readonly methods: readonly {
    readonly name: string;
    readonly package: GoPackage;
    readonly type: FuncRef;
    /** Names of parameters and results, empty where they have none. */
    readonly names: readonly string[];
  }[];
  readonly embedded: readonly TypeRef[];
}
export interface UnknownRef {
  readonly ref: "unknown";
  /** As well as it can be told. */
  readonly name: string;
  /** With the whole package path, where that is known: a second source may know the type by it. */
  readonly linkName?: string;
  /** The qualifier is an import's alias, so that it is no package's name. */
  readonly aliased?: boolean;
  readonly reason: string;
}

/** Where a type expression stands. */
export interface Scope {
  readonly file: SourceFile;
  /** Type parameters in scope. */
  readonly typeArgs: ReadonlyMap<string, TypeRef>;
  /** Types declared in the enclosing function that are visible here, innermost last. */
  readonly localTypes: readonly TypeDeclaration[];
  /** Names that the enclosing function declares as constants: such a length is not looked up in the package. */
  readonly localConstants: readonly string[];
}

/** `name`: as `%T` prints it, package names; `link`: as the linker names it, whole package paths. */
export type NameStyle = "name" | "link";

/** `interfaceMethods` flattens embedded interfaces; undefined where one is not known. */
export interface NameContext {
  interfaceMethods(ref: InterfaceRef): readonly { name: string; package: GoPackage; type: FuncRef }[] | undefined;
}

/** The largest anonymous struct known has 300 fields; hostile generic instances double with every step. */
const MAX_NAME_NODES = 20_000;

/** Undefined for a name that would be too long to be real. */
export function typeName(ref: TypeRef, style: NameStyle, context: NameContext): string | undefined {
  const budget = { nodes: MAX_NAME_NODES };
  const text = nameWithin(ref, style, context, budget);
  return budget.nodes < 0 ? undefined : text;
}

function nameWithin(ref: TypeRef, style: NameStyle, context: NameContext, budget: { nodes: number }): string {
  if (--budget.nodes < 0) return "…";
  const sub = (inner: TypeRef): string => nameWithin(inner, style, context, budget);
  switch (ref.ref) {
    case "basic":
      return ref.name;
    case "error":
      return "error";
    case "unknown":
      return style === "link" ? (ref.linkName ?? ref.name) : ref.name;
    case "opaque":
      return style === "link" ? ref.text : withoutPaths(ref.text);
    case "shape":
      // A shape stands for every type with that structure; of a pointer's, not even the name is known.
      if (style === "name" && ref.under.ref !== "pointer") return sub(ref.under);
      return `go.shape.${nameWithin(ref.under, "link", context, budget)}`;
    case "named": {
      const owner = style === "link" ? ref.file.package.linkPath : ref.file.package.name;
      // Type arguments stand with their whole paths in both styles (reflect prints `main.Box[net/url.URL]`).
      const args = ref.args.map((arg) => nameWithin(arg, "link", context, budget));
      return `${owner}.${ref.declaration.name}${args.length > 0 ? `[${args.join(",")}]` : ""}`;
    }
    case "pointer":
      return `*${sub(ref.elem)}`;
    case "slice":
      return `[]${sub(ref.elem)}`;
    case "array":
      return `[${ref.length}]${sub(ref.elem)}`;
    case "map":
      return `map[${sub(ref.key)}]${sub(ref.elem)}`;
    case "chan": {
      if (ref.direction === "receive") return `<-chan ${sub(ref.elem)}`;
      if (ref.direction === "send") return `chan<- ${sub(ref.elem)}`;
      const ambiguous = ref.elem.ref === "chan" && ref.elem.direction === "receive";
      return ambiguous ? `chan (${sub(ref.elem)})` : `chan ${sub(ref.elem)}`;
    }
    case "func":
      return `func${signatureText(ref, sub)}`;
    case "struct": {
      const fields = ref.fields.map(
        ({ name, embedded, type, tag, owner }) =>
          `${embedded ? "" : `${style === "link" && !isExported(name) ? `${owner}.` : ""}${name} `}${sub(type)}${tag === "" ? "" : ` ${quoteTag(tag)}`}`,
      );
      return fields.length === 0 ? "struct {}" : `struct { ${fields.join("; ")} }`;
    }
    case "interface": {
      const methods = context.interfaceMethods(ref);
      if (methods === undefined) return "interface { … }";
      if (methods.length === 0) return "interface {}";
      const texts = methods.map(({ name, package: owner, type }) => {
        const qualified = isExported(name) ? name : `${style === "link" ? owner.linkPath : owner.name}.${name}`;
        return `${qualified}${signatureText(type, sub)}`;
      });
      return `interface { ${texts.join("; ")} }`;
    }
  }
}

/** Package names instead of whole paths. */
function withoutPaths(text: string): string {
  return text.replaceAll(/[^\s()[\]{},;*"]+\/(?=[^\s()[\]{},;*"/]+\.)/g, "");
}

export function isExported(name: string): boolean {
  return /^\p{Lu}/u.test(name);
}

function signatureText(ref: FuncRef, sub: (inner: TypeRef) => string): string {
  const params = ref.params.map((param, index) =>
    ref.variadic && index === ref.params.length - 1 && param.ref === "slice" ? `...${sub(param.elem)}` : sub(param),
  );
  const results = ref.results.map(sub);
  const tail = results.length > 1 ? ` (${results.join(", ")})` : results.map((text) => ` ${text}`).join("");
  return `(${params.join(", ")})${tail}`;
}

/** As strconv.Quote writes a tag; `bytes` holds one byte a character. */
function quoteTag(bytes: string): string {
  const text = new TextDecoder("utf-8").decode(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
  return JSON.stringify(text);
}
