/** Linker names of Go functions, taken apart: `example.com/m/p.(*List[go.shape.int]).Each.func1.2`. */
import { splitLinkName, unescapePackagePath } from "./linkName.ts";

export interface SymbolName {
  /** Unescaped: `gopkg.in/yaml.v2`. */
  readonly packagePath: string;
  /** Function or method that the symbol belongs to, or in which the literal stands. */
  readonly outer: FunctionName;
  /**
   * Functions that were inlined into `outer` (outermost first) and hold the literal: `main.main.helper.func1` is a
   * literal of `helper`. Go 1.21 and later.
   */
  readonly inlined: readonly string[];
  /** Type arguments of the last of them, where it is a generic instance. */
  readonly inlinedTypeArgs?: string;
  /** Numbers of the nested literals, outermost first: `f.func2.1` is [2, 1]; empty for the function itself. */
  readonly literals: readonly number[];
  /** What the compiler made of it, where it is no function that stands in the source. */
  readonly synthetic?:
    | "method value"
    | "go or defer wrapper"
    | "range-over-func body"
    | "package initialiser"
    | "generated";
}

export interface FunctionName {
  readonly receiver?: { readonly typeName: string; readonly pointer: boolean };
  readonly name: string;
  /**
   * Text between the brackets of a generic instance, the receiver's before the method's own (Go 1.27); `...` where the
   * linker left the arguments out.
   */
  readonly typeArgs?: string;
  /** Those of a method's own, without the receiver's. */
  readonly methodTypeArgs?: string;
}

/** Longer names exist only in hostile files; Go's own longest generic instances have a few thousand characters. */
const MAX_SYMBOL_CHARS = 64 * 1024;

export function parseSymbolName(symbol: string): SymbolName | undefined {
  if (symbol.length > MAX_SYMBOL_CHARS) return undefined;
  const split = splitLinkName(symbol);
  if (split === undefined) return undefined;
  const packagePath = unescapePackagePath(split.linkPath);
  const parts = splitElements(split.local);
  const first = parts?.[0];
  if (packagePath === undefined || parts === undefined || first === undefined) return undefined;
  return interpret(packagePath, parts);
}

interface Element {
  readonly text: string;
  readonly typeArgs?: string;
  /** `(*T)`. */
  readonly pointer: boolean;
}

/** Splits at dots outside brackets and parentheses; two dots in a row (`glob..func1`) give an empty element. */
function splitElements(text: string): Element[] | undefined {
  const out: Element[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at <= text.length; at++) {
    const char = text[at];
    if (char === "[" || char === "(" || char === "{") depth++;
    else if (char === "]" || char === ")" || char === "}") depth--;
    if (depth < 0) return undefined;
    if (at === text.length || (char === "." && depth === 0)) {
      out.push(element(text.slice(start, at)));
      start = at + 1;
    }
  }
  return depth === 0 ? out : undefined;
}

function element(text: string): Element {
  const inner = /^\(\*(.*)\)$/s.exec(text)?.[1];
  const plain = inner ?? text;
  const bracket = plain.indexOf("[");
  return bracket > 0 && plain.endsWith("]")
    ? { text: plain.slice(0, bracket), typeArgs: plain.slice(bracket + 1, -1), pointer: inner !== undefined }
    : { text: plain, pointer: inner !== undefined };
}

const LITERAL = /^(?:func)?(\d+)$/;

function interpret(packagePath: string, parts: readonly Element[]): SymbolName | undefined {
  const [first, second] = parts;
  if (first === undefined) return undefined;
  // `glob.` up to Go 1.20, then `init`: literals in initialisers of package variables.
  if (first.text === "glob" && second?.text === "") return finish(packagePath, { name: "init" }, parts.slice(2));
  // `time.map.init.0`: the compiler's function that fills a large map literal.
  if (first.text === "map" && second?.text === "init") {
    return { packagePath, outer: { name: "map.init" }, inlined: [], literals: [], synthetic: "generated" };
  }
  if (first.pointer) {
    if (second === undefined) return undefined;
    return finish(packagePath, method(first, second), parts.slice(2));
  }
  if (second === undefined || LITERAL.test(second.text) || isSuffix(second.text)) {
    return finish(packagePath, functionOf(first), parts.slice(1));
  }
  // `main.a.b`: method b of type a, or an inlined b inside a. A literal's number must follow in the second case; where
  // both are possible the source decides, so the name is given as the method.
  return finish(packagePath, method(first, second), parts.slice(2));
}

function functionOf(first: Element): FunctionName {
  return { name: first.text, ...(first.typeArgs === undefined ? {} : { typeArgs: first.typeArgs }) };
}

function method(type: Element, name: Element): FunctionName {
  const args = [type.typeArgs, name.typeArgs].filter((text) => text !== undefined);
  return {
    receiver: { typeName: type.text, pointer: type.pointer },
    name: name.text,
    ...(args.length === 0 ? {} : { typeArgs: args.join(",") }),
    ...(name.typeArgs === undefined ? {} : { methodTypeArgs: name.typeArgs }),
  };
}

function isSuffix(text: string): boolean {
  return /^(gowrap|deferwrap)\d+$|^dwrap·/.test(text);
}

function finish(packagePath: string, outer: FunctionName, rest: readonly Element[]): SymbolName {
  const literals: number[] = [];
  const inlined: string[] = [];
  let inlinedTypeArgs: string | undefined;
  let synthetic: SymbolName["synthetic"];
  let name = outer.name;
  const strip = (text: string): string => {
    // `main.f·dwrap·1`: Go 1.17.
    if (text.includes("·")) synthetic ??= text.includes("dwrap") ? "go or defer wrapper" : "generated";
    if (text.endsWith("-fm")) synthetic = "method value";
    if (/-range\d+/.test(text)) synthetic ??= "range-over-func body";
    return text.endsWith("-fm") ? text.slice(0, -3) : withoutRanges(text);
  };
  name = strip(name);
  for (const part of rest) {
    const text = strip(part.text);
    const number = LITERAL.exec(text)?.[1];
    if (/^(gowrap|deferwrap)\d+$/.test(text)) synthetic = "go or defer wrapper";
    else if (number !== undefined) {
      // `init.0` is the first init function, not a literal.
      if (name === "init" && outer.receiver === undefined && literals.length === 0 && !text.startsWith("func")) {
        name = `init.${number}`;
      } else literals.push(Number(number));
    } else {
      inlined.push(part.pointer ? `(*${part.text})` : text);
      inlinedTypeArgs = part.typeArgs ?? (inlined.at(-2)?.startsWith("(*") === true ? inlinedTypeArgs : undefined);
      literals.length = 0;
    }
  }
  if (synthetic === undefined && literals.length === 0 && inlined.length > 0) synthetic = "generated";
  if (synthetic === undefined && literals.length === 0 && name === "init" && outer.receiver === undefined) {
    synthetic = "package initialiser";
  }
  return {
    packagePath,
    outer: { ...outer, name },
    inlined,
    ...(inlinedTypeArgs === undefined ? {} : { inlinedTypeArgs }),
    literals,
    ...(synthetic === undefined ? {} : { synthetic }),
  };
}

/** `f-range1-range2` → `f`: from its end, because a pattern would look anew at each of a hostile name's thousands. */
function withoutRanges(text: string): string {
  let end = text.length;
  for (;;) {
    let at = end;
    while (isDigit(text[at - 1])) at--;
    if (at === end || !text.endsWith(RANGE, at)) return text.slice(0, end);
    end = at - RANGE.length;
  }
}
const RANGE = "-range";

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= "0" && char <= "9";
}
