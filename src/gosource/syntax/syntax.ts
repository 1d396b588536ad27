/**
 * Go's types and constant expressions as plain objects, copied out of the syntax tree. Names stand as written; what they
 * mean is `resolve.ts`'s business.
 */
import type { SyntaxNode } from "./parser.ts";

export type TypeExpr =
  /** `int`, `url.URL`, `Pair[K, int]`. `line` and scope come from the declaration that holds it. */
  | {
      readonly kind: "name";
      readonly qualifier: string | undefined;
      readonly name: string;
      readonly args: readonly TypeExpr[];
    }
  | { readonly kind: "pointer" | "slice"; readonly elem: TypeExpr }
  | { readonly kind: "array"; readonly length: ConstExpr; readonly elem: TypeExpr }
  | { readonly kind: "map"; readonly key: TypeExpr; readonly elem: TypeExpr }
  | { readonly kind: "chan"; readonly direction: "both" | "send" | "receive"; readonly elem: TypeExpr }
  | ({ readonly kind: "func" } & FuncSignature)
  | { readonly kind: "struct"; readonly fields: readonly FieldExpr[] }
  | {
      readonly kind: "interface";
      readonly methods: readonly (FuncSignature & { readonly name: string })[];
      readonly embedded: readonly TypeExpr[];
    }
  /** Not valid Go, too deep, or not a type that a value can have; `why` is for the user. */
  | { readonly kind: "bad"; readonly reason: string };

export interface FuncSignature {
  readonly params: readonly ParamExpr[];
  readonly results: readonly ParamExpr[];
}
/** One parameter or result; `a, b int` gives two. */
export interface ParamExpr {
  /** Empty where unnamed. */
  readonly name: string;
  readonly nameRange?: TextRange;
  readonly type: TypeExpr;
  /** `...T`: the value is a `[]T`. */
  readonly variadic: boolean;
}
export interface FieldExpr {
  readonly name: string;
  readonly embedded: boolean;
  readonly type: TypeExpr;
  /** Unquoted; empty where absent. */
  readonly tag: string;
}

export type ConstExpr =
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "string"; readonly bytes: number }
  | { readonly kind: "iota" }
  | { readonly kind: "name"; readonly qualifier: string | undefined; readonly name: string }
  | { readonly kind: "unary"; readonly operator: string; readonly operand: ConstExpr }
  | { readonly kind: "binary"; readonly operator: string; readonly left: ConstExpr; readonly right: ConstExpr }
  /** A conversion, `len("…")`, `unsafe.Sizeof(…)`. */
  | { readonly kind: "call"; readonly callee: ConstExpr; readonly args: readonly ConstExpr[] }
  /** `T{}` and `T{…}`, which only `unsafe.Sizeof` and `len` make constant. */
  | { readonly kind: "literal"; readonly type: TypeExpr }
  | { readonly kind: "bad"; readonly reason: string };

/** Lines count from 1; columns from 0, in UTF-16 units, as editors count. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}
export interface TextRange {
  readonly start: TextPosition;
  readonly end: TextPosition;
}

/** Types written by people nest below 10; the bound keeps hostile text from exhausting the stack. */
const MAX_DEPTH = 100;
/** A number literal longer than this is no array length; bigint parsing is quadratic. */
const MAX_LITERAL_CHARS = 200;
const TOO_DEEP = { kind: "bad", reason: `nested deeper than ${MAX_DEPTH} levels` } as const;

export function rangeOf(node: SyntaxNode): TextRange {
  return {
    start: { line: node.startPosition.row + 1, column: node.startPosition.column },
    end: { line: node.endPosition.row + 1, column: node.endPosition.column },
  };
}

export function readType(node: SyntaxNode | null, depth = 0): TypeExpr {
  if (node === null) return { kind: "bad", reason: "the type is missing" };
  if (depth > MAX_DEPTH) return TOO_DEEP;
  const sub = (field: string): TypeExpr => readType(node.childForFieldName(field), depth + 1);
  switch (node.type) {
    case "type_identifier":
    case "identifier":
    case "field_identifier":
      return { kind: "name", qualifier: undefined, name: node.text, args: [] };
    case "qualified_type":
      return { kind: "name", qualifier: fieldText(node, "package"), name: fieldText(node, "name"), args: [] };
    case "generic_type": {
      const base = sub("type");
      const list = node.childForFieldName("type_arguments");
      const args = list === null ? [] : codeChildren(list).map((child) => readType(child, depth + 1));
      return base.kind === "name" ? { ...base, args } : { kind: "bad", reason: `type arguments on ${node.text}` };
    }
    case "type_elem": {
      const terms = codeChildren(node);
      return terms.length === 1 && terms[0] !== undefined
        ? readType(terms[0], depth + 1)
        : { kind: "bad", reason: "a union is no type of a value" };
    }
    case "parenthesized_type":
      return readType(codeChildren(node)[0] ?? null, depth + 1);
    case "pointer_type":
      return { kind: "pointer", elem: readType(codeChildren(node)[0] ?? null, depth + 1) };
    case "slice_type":
      return { kind: "slice", elem: sub("element") };
    case "array_type":
      return { kind: "array", length: readConst(node.childForFieldName("length"), depth + 1), elem: sub("element") };
    case "map_type":
      return { kind: "map", key: sub("key"), elem: sub("value") };
    case "channel_type":
      return readChan(node, false, depth);
    case "function_type":
      return { kind: "func", ...readSignature(node, depth + 1) };
    case "struct_type":
      return { kind: "struct", fields: readFields(node, depth + 1) };
    case "interface_type":
      return readInterface(node, depth + 1);
    default:
      return { kind: "bad", reason: `${node.type} is no type of a value` };
  }
}

/** Parameters and results of a function declaration, literal, type or interface method. */
export function readSignature(node: SyntaxNode, depth = 0): FuncSignature {
  const result = node.childForFieldName("result");
  let results: readonly ParamExpr[] = [];
  if (result?.type === "parameter_list") results = readParams(result, depth);
  else if (result !== null) results = [{ name: "", type: readType(result, depth + 1), variadic: false }];
  return { params: readParams(node.childForFieldName("parameters"), depth), results };
}

export function readParams(list: SyntaxNode | null, depth = 0): readonly ParamExpr[] {
  if (list === null) return [];
  const groups = codeChildren(list).map((declaration) => {
    const typeNode = declaration.childForFieldName("type");
    return {
      names: declaration.childrenForFieldName("name").filter((child) => child.isNamed),
      typeNode,
      type: readType(typeNode, depth + 1),
      variadic: declaration.type === "variadic_parameter_declaration",
    };
  });
  // In `a, b, c int` the grammar may take `a` and `b` for unnamed parameters of types a and b; but either all parameters
  // have names or none has (specification, "Function types"), so they are names of the type that follows.
  const named = groups.some((group) => group.names.length > 0);
  const params: ParamExpr[] = [];
  let following: { type: TypeExpr; variadic: boolean } | undefined;
  for (const { names, typeNode, type, variadic } of groups.toReversed()) {
    if (names.length > 0) {
      following = { type, variadic };
      for (const name of names.toReversed()) {
        params.push({ name: name.text, nameRange: rangeOf(name), type, variadic });
      }
    } else if (named && typeNode !== null && type.kind === "name" && following !== undefined) {
      params.push({ name: type.name, nameRange: rangeOf(typeNode), ...following });
    } else {
      params.push({
        name: "",
        type: named ? { kind: "bad", reason: "it has no name among named ones" } : type,
        variadic,
      });
    }
  }
  return params.toReversed();
}

export function readConst(node: SyntaxNode | null, depth = 0): ConstExpr {
  if (node === null) return { kind: "bad", reason: "the expression is missing" };
  if (depth > MAX_DEPTH) return TOO_DEEP;
  const sub = (field: string): ConstExpr => readConst(node.childForFieldName(field), depth + 1);
  switch (node.type) {
    case "int_literal":
      return intLiteral(node.text);
    case "rune_literal":
      return runeLiteral(node.text);
    case "float_literal": {
      const value = Number(node.text.replaceAll("_", ""));
      return Number.isNaN(value) ? { kind: "bad", reason: `the number ${node.text}` } : { kind: "float", value };
    }
    case "interpreted_string_literal":
    case "raw_string_literal": {
      const text = unquote(node.text);
      return text === undefined
        ? { kind: "bad", reason: `the string ${node.text}` }
        : { kind: "string", bytes: text.length };
    }
    case "iota":
      return { kind: "iota" };
    case "identifier":
    case "type_identifier":
      return { kind: "name", qualifier: undefined, name: node.text };
    case "selector_expression": {
      const operand = node.childForFieldName("operand");
      return operand?.type === "identifier"
        ? { kind: "name", qualifier: operand.text, name: fieldText(node, "field") }
        : { kind: "bad", reason: "a field is no constant" };
    }
    case "qualified_type":
      return { kind: "name", qualifier: fieldText(node, "package"), name: fieldText(node, "name") };
    case "parenthesized_expression":
      return readConst(codeChildren(node)[0] ?? null, depth + 1);
    case "unary_expression":
      return { kind: "unary", operator: fieldText(node, "operator"), operand: sub("operand") };
    case "binary_expression":
      return { kind: "binary", operator: fieldText(node, "operator"), left: sub("left"), right: sub("right") };
    case "call_expression": {
      const list = node.childForFieldName("arguments");
      const args = list === null ? [] : codeChildren(list).map((argument) => readConst(argument, depth + 1));
      return { kind: "call", callee: sub("function"), args };
    }
    case "composite_literal":
      return { kind: "literal", type: readType(node.childForFieldName("type"), depth + 1) };
    default:
      return { kind: "bad", reason: `${node.type} is not understood as a constant` };
  }
}

/** Named children without comments, which the grammar allows anywhere. */
export function codeChildren(node: SyntaxNode): SyntaxNode[] {
  return node.namedChildren.filter((child) => child.type !== "comment");
}

export function fieldText(node: SyntaxNode, field: string): string {
  return node.childForFieldName(field)?.text ?? "";
}

/** The bytes of a Go string literal, one char code a byte; undefined where it is malformed. */
export function unquote(literal: string): string | undefined {
  if (literal.startsWith("`")) return utf8(literal.slice(1, -1).replaceAll("\r", ""));
  let bytes = "";
  const body = literal.slice(1, -1);
  const pattern = /\\([abfnrtv\\'"]|x[0-9a-fA-F]{2}|[0-7]{3}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|([^\\]+)|(\\)/gu;
  for (const [, escape, plain, broken] of body.matchAll(pattern)) {
    if (broken !== undefined) return undefined;
    bytes += plain === undefined ? escapeBytes(escape ?? "") : utf8(plain);
  }
  return bytes;
}

const SIMPLE_ESCAPES: Record<string, string> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

function escapeBytes(escape: string): string {
  const simple = SIMPLE_ESCAPES[escape];
  if (simple !== undefined) return simple;
  if (escape.startsWith("x")) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
  if (escape.startsWith("u") || escape.startsWith("U")) {
    const rune = Number.parseInt(escape.slice(1), 16);
    return rune <= 0x10ffff ? utf8(String.fromCodePoint(rune)) : "";
  }
  return String.fromCharCode(Number.parseInt(escape, 8) & 0xff);
}

function utf8(text: string): string {
  let bytes = "";
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

function intLiteral(text: string): ConstExpr {
  const plain = text.replaceAll("_", "").toLowerCase();
  const octal = /^0[0-7]+$/.test(plain) ? `0o${plain.slice(1)}` : plain;
  if (octal.length > MAX_LITERAL_CHARS || !/^(0x[0-9a-f]+|0o[0-7]+|0b[01]+|\d+)$/.test(octal)) {
    return { kind: "bad", reason: `the number ${text.slice(0, 40)}` };
  }
  return { kind: "int", value: BigInt(octal) };
}

function runeLiteral(text: string): ConstExpr {
  const body = text.slice(1, -1);
  if (!body.startsWith("\\")) return { kind: "int", value: BigInt(body.codePointAt(0) ?? 0) };
  if (/^\\[uU]/.test(body)) return { kind: "int", value: BigInt(Number.parseInt(body.slice(2), 16)) };
  const byte = unquote(`"${body}"`);
  return byte === undefined || byte.length !== 1
    ? { kind: "bad", reason: `the rune ${text}` }
    : { kind: "int", value: BigInt(byte.charCodeAt(0)) };
}

/**
 * `chan <-chan int` means `chan<- (chan int)`: the arrow belongs to the leftmost chan (specification, "Channel types"),
 * where the grammar gives it to the inner one. `arrowTaken`: the outer channel has taken this one's arrow.
 */
function readChan(node: SyntaxNode, arrowTaken: boolean, depth: number): TypeExpr {
  if (depth > MAX_DEPTH) return TOO_DEEP;
  const value = node.childForFieldName("value");
  const tokens = node.children.slice(0, 2).map((child) => child.type);
  const receive = tokens[0] === "<-" && !arrowTaken;
  const inner = value?.type === "channel_type" ? value : undefined;
  if (!receive && tokens[1] !== "<-" && inner !== undefined && inner.children[0]?.type === "<-") {
    return { kind: "chan", direction: "send", elem: readChan(inner, true, depth + 1) };
  }
  if (receive) return { kind: "chan", direction: "receive", elem: readType(value, depth + 1) };
  // Of a channel whose arrow was taken, the tokens begin with it.
  const send = tokens[0] !== "<-" && tokens[1] === "<-";
  return { kind: "chan", direction: send ? "send" : "both", elem: readType(value, depth + 1) };
}

function readFields(node: SyntaxNode, depth: number): FieldExpr[] {
  const list = codeChildren(node).find((child) => child.type === "field_declaration_list");
  if (list === undefined) return [];
  return codeChildren(list).flatMap((declaration): FieldExpr[] => {
    const base = readType(declaration.childForFieldName("type"), depth + 1);
    const literal = declaration.childForFieldName("tag");
    const tag = literal === null ? "" : (unquote(literal.text) ?? "");
    const names = declaration.childrenForFieldName("name").filter((child) => child.isNamed);
    if (names.length > 0) return names.map((name) => ({ name: name.text, embedded: false, type: base, tag }));
    // The star of an embedded `*T` is a token of the declaration, not a pointer_type.
    const starred = declaration.children.some((child) => child.type === "*");
    const name = base.kind === "name" ? base.name : "";
    return [{ name, embedded: true, type: starred ? { kind: "pointer", elem: base } : base, tag }];
  });
}

function readInterface(node: SyntaxNode, depth: number): TypeExpr {
  const methods: (FuncSignature & { name: string })[] = [];
  const embedded: TypeExpr[] = [];
  for (const element of codeChildren(node)) {
    if (element.type === "method_elem") {
      methods.push({ name: fieldText(element, "name"), ...readSignature(element, depth) });
    } else {
      embedded.push(readType(element, depth));
    }
  }
  return { kind: "interface", methods, embedded };
}
