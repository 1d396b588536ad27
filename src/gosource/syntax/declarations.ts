/**
 * What a Go file declares: package clause, imports, functions with their literals, types and constants, as plain objects.
 * The editor finds its functions here, and signatures of binaries without DWARF start here.
 */
import type { SyntaxNode } from "./parser.ts";
import {
  type ConstExpr,
  codeChildren,
  type FuncSignature,
  fieldText,
  type ParamExpr,
  rangeOf,
  readConst,
  readParams,
  readSignature,
  readType,
  type TextPosition,
  type TextRange,
  type TypeExpr,
  unquote,
} from "./syntax.ts";

export interface GoFile {
  /** Empty where the clause is missing. */
  readonly packageName: string;
  readonly imports: readonly ImportSpec[];
  readonly functions: readonly FunctionDeclaration[];
  /** Literals in the initialisers of package-level variables. */
  readonly literals: readonly FunctionLiteral[];
  readonly types: readonly TypeDeclaration[];
  readonly constants: readonly ConstDeclaration[];
  /** Line of the first syntax error outside function bodies and variables. */
  readonly syntaxErrorLine?: number;
}

export interface ImportSpec {
  /** As written: `.`, `_` or an alias; undefined: the package's own name. */
  readonly alias: string | undefined;
  readonly path: string;
}

export interface FunctionDeclaration extends FuncSignature {
  readonly name: string;
  readonly receiver?: Receiver;
  /** Names, in order; `_` possible. */
  readonly typeParams: readonly string[];
  readonly nameRange: TextRange;
  /** From `func` to the end of the body. */
  readonly range: TextRange;
  /** Line that the compiler gives the function: that of the name, or of the receiver's parenthesis. */
  readonly line: number;
  /** Where the results end, or the parameters where there are none. */
  readonly signatureEnd: TextPosition;
  /** False for functions written in assembly or linked in by name. */
  readonly hasBody: boolean;
  /** A syntax error in the body, perhaps of a Go newer than the grammar: its literals are not to be relied on. */
  readonly brokenBody: boolean;
  /** Outermost literals in source order; they hold the nested ones. */
  readonly literals: readonly FunctionLiteral[];
  /** Types declared inside the body. */
  readonly localTypes: readonly LocalType[];
  /** Constants declared inside the body, which may hide those of the package. */
  readonly localConstants: readonly string[];
}

export interface Receiver {
  readonly param: ParamExpr;
  readonly typeName: string;
  readonly pointer: boolean;
  /** `func (l *List[T])`: `T`. */
  readonly typeParams: readonly string[];
}

export interface FunctionLiteral extends FuncSignature {
  /** Called where it stands, or by the `go` or `defer` that it stands in: the compiler may add parameters. */
  readonly called?: "at once" | "by go or defer";
  readonly range: TextRange;
  /** Line of the `func` keyword. */
  readonly line: number;
  /** Where the results end, or the parameters where there are none. */
  readonly signatureEnd: TextPosition;
  readonly literals: readonly FunctionLiteral[];
}

export interface TypeDeclaration {
  readonly name: string;
  readonly typeParams: readonly string[];
  /** `type A = B`. */
  readonly alias: boolean;
  readonly type: TypeExpr;
  readonly line: number;
}

export interface LocalType extends TypeDeclaration {
  /** Where its name is visible: from the declaration to the end of the block. */
  readonly scope: TextRange;
}

export interface ConstDeclaration {
  readonly name: string;
  readonly iota: number;
  /** Undefined for an untyped constant. */
  readonly type: TypeExpr | undefined;
  readonly value: ConstExpr;
}

/** Literals nested deeper than this are not listed: nobody writes them, and reading them is recursive. */
const MAX_LITERAL_DEPTH = 50;

export interface ReadOptions {
  /** Also look into function bodies, for literals and local types; off where only types are wanted. */
  readonly bodies: boolean;
  /** As the parser hands it over: what the grammar does not know stands only there. */
  readonly text?: string;
}

export function readGoFile(root: SyntaxNode, options: ReadOptions): GoFile {
  const imports: ImportSpec[] = [];
  const functions: FunctionDeclaration[] = [];
  const literals: FunctionLiteral[] = [];
  const types: TypeDeclaration[] = [];
  const constants: ConstDeclaration[] = [];
  let packageName = "";
  for (const node of codeChildren(root)) {
    switch (node.type) {
      case "package_clause":
        packageName = codeChildren(node)[0]?.text ?? "";
        break;
      case "import_declaration":
        imports.push(...readImports(node));
        break;
      case "function_declaration":
      case "method_declaration":
        functions.push(readFunction(node, options));
        break;
      case "type_declaration":
        types.push(...readTypes(node));
        break;
      case "const_declaration":
        constants.push(...readConstants(node));
        break;
      case "var_declaration":
        if (options.bodies) literals.push(...readLiterals(node));
        break;
    }
  }
  const errorLine = root.hasError ? firstErrorLine(root.children.flatMap(headerParts)) : undefined;
  return {
    packageName,
    imports,
    functions,
    literals,
    types,
    constants,
    ...(errorLine === undefined ? {} : { syntaxErrorLine: errorLine }),
  };
}

function readImports(node: SyntaxNode): ImportSpec[] {
  return node.descendantsOfType("import_spec").flatMap((spec) => {
    const path = unquote(fieldText(spec, "path"));
    return path === undefined ? [] : [{ alias: spec.childForFieldName("name")?.text, path }];
  });
}

function readFunction(node: SyntaxNode, { bodies, text }: ReadOptions): FunctionDeclaration {
  const name = node.childForFieldName("name");
  const body = node.childForFieldName("body");
  const receiverList = node.childForFieldName("receiver");
  const receiver = readReceiver(receiverList);
  // Searching a syntax tree costs far more than searching text, and most bodies hold none of these.
  const bodyText = body === null ? "" : (text?.slice(body.startIndex, body.endIndex) ?? body.text);
  const within = (keyword: string): SyntaxNode | undefined =>
    bodies && body !== null && bodyText.includes(keyword) ? body : undefined;
  const [literals, types, constants] = [within("func"), within("type"), within("const")];
  return {
    name: name?.text ?? "",
    ...(receiver === undefined ? {} : { receiver }),
    typeParams: receiverList === null ? readTypeParams(node) : methodTypeParams(node, text),
    ...readSignature(node),
    nameRange: rangeOf(name ?? node),
    range: rangeOf(node),
    line: (receiverList ?? name ?? node).startPosition.row + 1,
    signatureEnd: signatureEnd(node),
    hasBody: body !== null,
    brokenBody: body?.hasError === true,
    literals: literals === undefined ? [] : readLiterals(literals),
    localTypes: types === undefined ? [] : readLocalTypes(types),
    localConstants: (constants?.descendantsOfType("const_declaration") ?? []).flatMap((constant) =>
      readConstants(constant).map((c) => c.name),
    ),
  };
}

function signatureEnd(node: SyntaxNode): TextPosition {
  return rangeOf(node.childForFieldName("result") ?? node.childForFieldName("parameters") ?? node).end;
}

function readReceiver(list: SyntaxNode | null): Receiver | undefined {
  const param = readParams(list)[0];
  if (param === undefined) return undefined;
  const pointer = param.type.kind === "pointer";
  const base = param.type.kind === "pointer" ? param.type.elem : param.type;
  if (base.kind !== "name") return undefined;
  return {
    param,
    typeName: base.name,
    pointer,
    typeParams: base.args.map((arg) => (arg.kind === "name" ? arg.name : "_")),
  };
}

function readTypeParams(node: SyntaxNode): string[] {
  const list = node.childForFieldName("type_parameters");
  if (list === null) return [];
  return codeChildren(list).flatMap((declaration) =>
    declaration
      .childrenForFieldName("name")
      .filter((child) => child.isNamed)
      .map((child) => child.text),
  );
}

/** Of a generic method (Go 1.27), which the grammar does not know: `[K comparable, V any]` between name and parameters. */
function methodTypeParams(node: SyntaxNode, text: string | undefined): string[] {
  const from = node.childForFieldName("name")?.endIndex;
  const to = node.childForFieldName("parameters")?.startIndex;
  const list = from === undefined || to === undefined ? undefined : text?.slice(from, to).trim();
  if (list === undefined || !list.startsWith("[")) return [];
  return splitTopLevel(list.slice(1, -1)).map((part) => /^[\p{L}_][\p{L}\p{N}_]*/u.exec(part.trim())?.[0] ?? "_");
}

function splitTopLevel(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at] ?? ",";
    if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return parts.filter((part) => part.trim() !== "");
}

function readTypes(node: SyntaxNode): TypeDeclaration[] {
  return codeChildren(node)
    .filter((spec) => spec.type === "type_spec" || spec.type === "type_alias")
    .map((spec) => ({
      name: fieldText(spec, "name"),
      typeParams: readTypeParams(spec),
      alias: spec.type === "type_alias",
      type: readType(spec.childForFieldName("type")),
      line: spec.startPosition.row + 1,
    }));
}

function readLocalTypes(body: SyntaxNode): LocalType[] {
  return body.descendantsOfType("type_declaration").flatMap((declaration) => {
    const end = enclosingBlock(declaration, body).endPosition;
    const scope = {
      start: rangeOf(declaration).start,
      end: { line: end.row + 1, column: end.column },
    };
    return readTypes(declaration).map((type) => ({ ...type, scope }));
  });
}

function enclosingBlock(node: SyntaxNode, limit: SyntaxNode): SyntaxNode {
  const blocks = new Set(["block", "expression_case", "default_case", "type_case", "communication_case"]);
  for (let at = node.parent; at !== null && at.id !== limit.id; at = at.parent) if (blocks.has(at.type)) return at;
  return limit;
}

/** An omitted expression list repeats the previous one, with its type (Go specification, "Constant declarations"). */
function readConstants(node: SyntaxNode): ConstDeclaration[] {
  let type: TypeExpr | undefined;
  let values: readonly ConstExpr[] = [];
  return codeChildren(node)
    .filter((spec) => spec.type === "const_spec")
    .flatMap((spec, iota) => {
      const list = spec.childForFieldName("value");
      if (list !== null) {
        const typeNode = spec.childForFieldName("type");
        type = typeNode === null ? undefined : readType(typeNode);
        values = codeChildren(list).map((value) => readConst(value));
      }
      const names = spec.childrenForFieldName("name").filter((child) => child.isNamed);
      return names.map((name, index) => ({
        name: name.text,
        iota,
        type,
        value: values[index] ?? { kind: "bad" as const, reason: "it has no value" },
      }));
    });
}

function readLiterals(within: SyntaxNode): FunctionLiteral[] {
  const flat = within.descendantsOfType("func_literal").map((node) => ({ node, inner: [] as FunctionLiteral[] }));
  // Document order: a literal's nested ones follow it before its end.
  const outermost: FunctionLiteral[] = [];
  const open: { endIndex: number; literals: FunctionLiteral[] }[] = [];
  for (const { node, inner } of flat) {
    while (open.length > 0 && (open.at(-1)?.endIndex ?? 0) <= node.startIndex) open.pop();
    if (open.length >= MAX_LITERAL_DEPTH) continue;
    const called = howCalled(node);
    const literal = {
      ...(called === undefined ? {} : { called }),
      ...readSignature(node),
      range: rangeOf(node),
      line: node.startPosition.row + 1,
      signatureEnd: signatureEnd(node),
      literals: inner,
    };
    (open.at(-1)?.literals ?? outermost).push(literal);
    open.push({ endIndex: node.endIndex, literals: inner });
  }
  return outermost;
}

function howCalled(literal: SyntaxNode): FunctionLiteral["called"] {
  let callee = literal;
  while (callee.parent?.type === "parenthesized_expression") callee = callee.parent;
  const call = callee.parent;
  if (call?.type !== "call_expression" || call.childForFieldName("function")?.id !== callee.id) return undefined;
  return call.parent?.type === "go_statement" || call.parent?.type === "defer_statement" ? "by go or defer" : "at once";
}

/** What must be sound for the file's declarations to be relied on: all but function bodies and variables. */
function headerParts(node: SyntaxNode): SyntaxNode[] {
  if (node.type === "var_declaration") return [];
  if (node.type !== "function_declaration" && node.type !== "method_declaration") return [node];
  return node.children.filter((child) => child.type !== "block");
}

function firstErrorLine(nodes: readonly SyntaxNode[]): number | undefined {
  const broken = nodes.find((node) => node.hasError || node.isError || node.isMissing);
  if (broken === undefined) return undefined;
  if (broken.isError || broken.isMissing) return broken.startPosition.row + 1;
  return firstErrorLine(broken.children) ?? broken.startPosition.row + 1;
}
