/**
 * Type arguments as a generic instance's linker name has them: `go.shape.int`, `go.shape.*uint8`,
 * `go.shape.struct { X net/url.URL }`, `main.Box[go.shape.string]`; with `_0` behind each in Go 1.18 and 1.19.
 */
import type { ScalarKind } from "../../goabi/type.ts";
import { splitLinkName, unescapePackagePath } from "../../goname/linkName.ts";
import { unquote } from "../syntax/syntax.ts";
import type { FieldRef, TypeRef } from "./typeRef.ts";

/** Makes a reference to a named type from its package's whole path. */
export type ByPath = (packagePath: string, name: string, args: readonly TypeRef[]) => TypeRef;

/** Undefined where the text is not understood. */
export function parseTypeArgs(text: string, byPath: ByPath): readonly TypeRef[] | undefined {
  const parser = new LinkTypeParser(text, byPath);
  return parser.list();
}

const SCALARS =
  /^(?:bool|u?int(?:8|16|32|64)?|uintptr|float32|float64|complex64|complex128|string|unsafe\.Pointer)(?![A-Za-z0-9.%]|_\D)/;
const MAX_DEPTH = 60;

class LinkTypeParser {
  private at = 0;
  private depth = 0;
  private readonly text: string;
  private readonly byPath: ByPath;

  constructor(text: string, byPath: ByPath) {
    this.text = text;
    this.byPath = byPath;
  }

  list(): readonly TypeRef[] | undefined {
    const out: TypeRef[] = [];
    do {
      const type = this.type();
      if (type === undefined) return undefined;
      out.push(type);
    } while (this.take(","));
    return this.at === this.text.length ? out : undefined;
  }

  private type(): TypeRef | undefined {
    if (this.depth > MAX_DEPTH) return undefined;
    this.depth++;
    const type = this.typeAt();
    this.depth--;
    return type;
  }

  private typeAt(): TypeRef | undefined {
    if (this.take("go.shape.")) {
      const under = this.type();
      this.match(/^_\d+/);
      return under === undefined ? undefined : { ref: "shape", under };
    }
    if (this.take("*")) return this.wrap((elem) => ({ ref: "pointer", elem }));
    if (this.take("[]")) return this.wrap((elem) => ({ ref: "slice", elem }));
    const length = this.match(/^\[(\d{1,15})\]/)?.[1];
    if (length !== undefined) return this.wrap((elem) => ({ ref: "array", elem, length: Number(length) }));
    if (this.take("map[")) return this.map();
    if (this.take("<-chan ")) return this.wrap((elem) => ({ ref: "chan", direction: "receive", elem }));
    if (this.take("chan<- ")) return this.wrap((elem) => ({ ref: "chan", direction: "send", elem }));
    if (this.take("chan (")) {
      const type = this.wrap((elem) => ({ ref: "chan", direction: "both", elem }));
      return this.take(")") ? type : undefined;
    }
    if (this.take("chan ")) return this.wrap((elem) => ({ ref: "chan", direction: "both", elem }));
    if (this.take("struct {")) return this.struct();
    if (this.take("interface {")) return this.opaqueInterface();
    if (this.take("func(")) return this.func();
    const scalar = this.match(SCALARS)?.[0];
    if (scalar !== undefined) return { ref: "basic", name: scalar as ScalarKind };
    if (this.match(/^error(?![\w.])/) !== undefined) return { ref: "error" };
    return this.named();
  }

  private wrap(make: (elem: TypeRef) => TypeRef): TypeRef | undefined {
    const elem = this.type();
    return elem === undefined ? undefined : make(elem);
  }

  private map(): TypeRef | undefined {
    const key = this.type();
    if (key === undefined || !this.take("]")) return undefined;
    const elem = this.type();
    return elem === undefined ? undefined : { ref: "map", key, elem };
  }

  private struct(): TypeRef | undefined {
    const fields: FieldRef[] = [];
    if (this.take(" }") || this.take("}")) return { ref: "struct", fields };
    do {
      this.take(" ");
      // Unexported names stand with their package's path. Embedded fields have no name, unless it is an alias or that
      // of a generic type (`name = type`); behind their type may stand a tag.
      const [, owner, name, alias] = this.match(/^(?:([^\s;{}"]*)\.)?([\p{L}_][\p{L}\p{N}_]*) (= )?(?=[^\s"])/u) ?? [];
      const type = this.type();
      if (type === undefined) return undefined;
      const embedded = name === undefined || alias !== undefined;
      const quoted = this.match(/^ ("(?:[^"\\]|\\.)*")/)?.[1];
      const tag = quoted === undefined ? "" : unquote(quoted);
      if (tag === undefined) return undefined;
      fields.push({ name: name ?? embeddedName(type), embedded, type, tag, owner: owner ?? "" });
    } while (this.take(";"));
    return this.take(" }") ? { ref: "struct", fields } : undefined;
  }

  private opaqueInterface(): TypeRef | undefined {
    const start = this.at - "interface {".length;
    if (this.take(" }") || this.take("}")) return { ref: "interface", methods: [], embedded: [] };
    return this.skipTo("}") ? { ref: "opaque", kind: "interface", text: this.text.slice(start, this.at) } : undefined;
  }

  private func(): TypeRef | undefined {
    const start = this.at - "func(".length;
    if (!this.skipTo(")")) return undefined;
    // Results: a parenthesised list or one type.
    if (this.take(" (")) {
      if (!this.skipTo(")")) return undefined;
    } else if (this.take(" ") && this.type() === undefined) return undefined;
    return { ref: "opaque", kind: "func", text: this.text.slice(start, this.at) };
  }

  private named(): TypeRef | undefined {
    const start = this.at;
    // The path ends at the first dot after the last slash before a bracket or delimiter.
    const path = this.match(/^[^\s,;[\](){}"]+/)?.[0];
    if (path === undefined) return undefined;
    const split = splitLinkName(path);
    const owner = unescapePackagePath(split?.linkPath ?? "");
    const name = split?.local ?? "";
    if (owner === undefined || !/^[\p{L}_][\p{L}\p{N}_]*$/u.test(name)) {
      this.at = start;
      return undefined;
    }
    if (!this.take("[")) return this.byPath(owner, name, []);
    const args: TypeRef[] = [];
    do {
      const arg = this.type();
      if (arg === undefined) return undefined;
      args.push(arg);
    } while (this.take(","));
    return this.take("]") ? this.byPath(owner, name, args) : undefined;
  }

  /** Moves behind the closing bracket of the one just opened. */
  private skipTo(close: string): boolean {
    let depth = 0;
    for (; this.at < this.text.length; this.at++) {
      const char = this.text[this.at] ?? "";
      if (depth === 0 && char === close) {
        this.at++;
        return true;
      }
      if ("([{".includes(char)) depth++;
      else if (")]}".includes(char)) depth--;
    }
    return false;
  }

  private take(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    const found = pattern.exec(this.text.slice(this.at));
    if (found === null) return undefined;
    this.at += found[0].length;
    return found;
  }
}

function embeddedName(type: TypeRef): string {
  if (type.ref === "pointer") return embeddedName(type.elem);
  if (type.ref === "named") return type.declaration.name;
  return type.ref === "basic" ? type.name : "_";
}
