/** The functions of one Go document as the editor needs them: what to join with a binary, and where to show values. */
import type { FunctionDeclaration, FunctionLiteral, GoFile } from "../../gosource/syntax/declarations.ts";
import { readGoFile } from "../../gosource/syntax/declarations.ts";
import type { GoParser } from "../../gosource/syntax/parser.ts";
import type { ParamExpr, TextPosition, TextRange } from "../../gosource/syntax/syntax.ts";

export interface EditorFunction {
  /** Names the function across edits of its document: `computeE`, `(*T).M`, `init#1`, `main/func#0`. */
  readonly key: string;
  /** For messages. */
  readonly label: string;
  readonly kind: "declared" | "init" | "literal";
  /** Linker name without the package: `computeE`, `(*T).M`; `init` and literals have none of their own. */
  readonly localName: string | undefined;
  /** 1-based lines that a compiler may give the function: of its name or receiver, and of the `func` keyword. */
  readonly lines: readonly number[];
  readonly hasBody: boolean;
  /** 0-based, of the `func` keyword. */
  readonly line: number;
  /** 0-based. */
  readonly start: Position;
  readonly end: Position;
  /** 0-based: where the results end. */
  readonly signatureEnd: Position;
  /** Receiver first, named ones only. */
  readonly params: readonly NamedRange[];
}
/** 0-based, UTF-16 columns, as LSP counts. */
export interface Position {
  readonly line: number;
  readonly character: number;
}
export interface NamedRange {
  readonly name: string;
  readonly start: Position;
  readonly end: Position;
}

export interface EditorFile {
  readonly packageName: string;
  /** In source order; literals follow the function that holds them. */
  readonly functions: readonly EditorFunction[];
}

/** More functions than this in one file get no lens: generated tables, where lenses only cost. */
const MAX_FUNCTIONS = 20_000;

export function readEditorFile(parser: Pick<GoParser, "parse">, text: string): EditorFile {
  const file = parser.parse(text, (root, text) => readGoFile(root, { bodies: true, text }));
  if (file === undefined) return { packageName: "", functions: [] };
  return { packageName: file.packageName, functions: listFunctions(file).slice(0, MAX_FUNCTIONS) };
}

/** The innermost function at a position: a literal, else the declaration around it. */
export function functionAt(file: EditorFile, position: Position): EditorFunction | undefined {
  return file.functions.findLast(
    (fn) =>
      !isBefore(position, { line: fn.start.line, character: 0 }) &&
      !isBefore(fn.end, position) &&
      (fn.kind !== "literal" || !isBefore(position, fn.start)),
  );
}

export function isBefore(a: Position, b: Position): boolean {
  return a.line < b.line || (a.line === b.line && a.character < b.character);
}

function listFunctions(file: GoFile): EditorFunction[] {
  const functions: EditorFunction[] = [];
  let inits = 0;
  for (const declaration of file.functions) {
    const local = localNameOf(declaration);
    // `func _()` and a name that is being typed have no code; any number of `init` functions may stand in a file.
    if (declaration.name === "" || declaration.name === "_") continue;
    const isInit = declaration.name === "init" && declaration.receiver === undefined;
    const key = isInit ? `init#${inits++}` : local;
    functions.push({
      key,
      label: local,
      kind: isInit ? "init" : "declared",
      localName: isInit ? undefined : local,
      lines: [...new Set([declaration.line, declaration.range.start.line])],
      hasBody: declaration.hasBody,
      ...places(declaration, declaration.receiver === undefined ? [] : [declaration.receiver.param]),
    });
    pushLiterals(functions, declaration.literals, key, local);
  }
  pushLiterals(functions, file.literals, "var", "a package variable");
  return functions.sort((a, b) => (isBefore(a.start, b.start) ? -1 : 1));
}

function pushLiterals(
  functions: EditorFunction[],
  literals: readonly FunctionLiteral[],
  outer: string,
  label: string,
): void {
  for (const [index, literal] of literals.entries()) {
    const key = `${outer}/func#${index}`;
    functions.push({
      key,
      label: `function literal in ${label}`,
      kind: "literal",
      localName: undefined,
      lines: [literal.line],
      hasBody: true,
      ...places(literal, []),
    });
    pushLiterals(functions, literal.literals, key, label);
  }
}

/** `(*T).M`, `T.M`, `f`: type parameters and arguments left out. */
function localNameOf({ name, receiver }: FunctionDeclaration): string {
  if (receiver === undefined) return name;
  return receiver.pointer ? `(*${receiver.typeName}).${name}` : `${receiver.typeName}.${name}`;
}

function places(
  node: { readonly range: TextRange; readonly signatureEnd: TextPosition; readonly params: readonly ParamExpr[] },
  receiver: readonly ParamExpr[],
): Pick<EditorFunction, "line" | "start" | "end" | "signatureEnd" | "params"> {
  const named = [...receiver, ...node.params].flatMap(({ name, nameRange }) =>
    name === "" || name === "_" || nameRange === undefined
      ? []
      : [{ name, start: toEditor(nameRange.start), end: toEditor(nameRange.end) }],
  );
  const start = toEditor(node.range.start);
  return {
    line: start.line,
    start,
    end: toEditor(node.range.end),
    signatureEnd: toEditor(node.signatureEnd),
    params: named,
  };
}

function toEditor({ line, column }: TextPosition): Position {
  return { line: line - 1, character: column };
}
