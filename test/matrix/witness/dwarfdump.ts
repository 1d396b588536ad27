/**
 * `llvm-dwarfdump --debug-info`: subprograms, their parameters, and where DWARF puts them at the first instruction,
 * as LLVM reads it. Two passes over the text: types and abstract parameters first, because references point forward.
 */
import { linesOf } from "./lines.ts";

export interface WitnessPiece {
  /** Bytes; undefined: the whole value. */
  readonly size: number | undefined;
  /** `RAX`, `X0`, `CFA+8`; undefined: optimised away or an expression of another kind. */
  readonly place: string | undefined;
}
export interface WitnessVariable {
  readonly name: string;
  readonly isResult: boolean;
  readonly typeName: string;
  /** Bytes; undefined where the type has no size. */
  readonly typeSize: number | undefined;
  /** At the entry; undefined: no location list entry holds the entry. */
  readonly location: readonly WitnessPiece[] | undefined;
}
export interface WitnessFunction {
  readonly name: string;
  readonly entry: number;
  readonly declLine: number | undefined;
  readonly variables: readonly WitnessVariable[];
}

/** How many inlined copies of each function there are in Go code, by its name. */
export async function inlinedCopies(file: string): Promise<Map<string, number>> {
  const names = new Map<string, string>();
  const origins = new Map<string, number>();
  let language = "";
  for await (const { offset, tag, attributes } of dies(file)) {
    if (tag === "DW_TAG_compile_unit") language = attributes.get("DW_AT_language") ?? "";
    if (!language.includes("Go")) continue;
    if (tag === "DW_TAG_subprogram" && attributes.has("DW_AT_inline"))
      names.set(offset, text(attributes.get("DW_AT_name")));
    if (tag !== "DW_TAG_inlined_subroutine") continue;
    const origin = reference(attributes.get("DW_AT_abstract_origin")) ?? "";
    origins.set(origin, (origins.get(origin) ?? 0) + 1);
  }
  const copies = new Map<string, number>();
  for (const [origin, count] of origins) {
    const name = names.get(origin) ?? "";
    copies.set(name, (copies.get(name) ?? 0) + count);
  }
  return copies;
}

interface Die {
  readonly offset: string;
  readonly tag: string;
  readonly depth: number;
  readonly attributes: Map<string, string>;
}

/** Functions with code of Go compile units. */
export async function* subprograms(file: string): AsyncIterable<WitnessFunction> {
  const known = await firstPass(file);
  let language = "";
  let open: { die: Die; variables: Die[] } | undefined;
  for await (const die of dies(file)) {
    if (open !== undefined && die.depth <= open.die.depth) {
      yield resolve(open.die, open.variables, known);
      open = undefined;
    }
    if (die.tag === "DW_TAG_compile_unit") language = die.attributes.get("DW_AT_language") ?? "";
    if (!language.includes("Go")) continue;
    if (die.tag === "DW_TAG_subprogram" && die.attributes.has("DW_AT_low_pc")) open = { die, variables: [] };
    else if (open !== undefined && die.tag === "DW_TAG_formal_parameter" && die.depth === open.die.depth + 1)
      open.variables.push(die);
  }
  if (open !== undefined) yield resolve(open.die, open.variables, known);
}

interface Known {
  /** By DIE offset: parameters and subprograms that others refer to. */
  readonly abstracts: Map<
    string,
    { name: string; result: boolean; type: string | undefined; line: number | undefined }
  >;
  readonly types: Map<string, { name: string; size: number | undefined; target: string | undefined }>;
}

async function firstPass(file: string): Promise<Known> {
  const known: Known = { abstracts: new Map(), types: new Map() };
  for await (const { offset, tag, attributes } of dies(file)) {
    if (tag === "DW_TAG_formal_parameter" || tag === "DW_TAG_subprogram") {
      if (attributes.has("DW_AT_abstract_origin") || attributes.has("DW_AT_low_pc")) continue;
      known.abstracts.set(offset, {
        name: text(attributes.get("DW_AT_name")),
        result: isResult(attributes),
        type: reference(attributes.get("DW_AT_type")),
        line: integer(attributes.get("DW_AT_decl_line")),
      });
    } else if (TYPE_TAGS.has(tag)) {
      known.types.set(offset, {
        name: text(attributes.get("DW_AT_name")),
        size: integer(attributes.get("DW_AT_byte_size")),
        target: tag === "DW_TAG_typedef" ? reference(attributes.get("DW_AT_type")) : undefined,
      });
    }
  }
  return known;
}

const TYPE_TAGS = new Set([
  "DW_TAG_base_type", "DW_TAG_pointer_type", "DW_TAG_structure_type", "DW_TAG_typedef", "DW_TAG_array_type",
  "DW_TAG_subroutine_type", "DW_TAG_unspecified_type",
]); // biome-ignore format: a table
/** Tags whose DIEs the passes look at; others are skipped as text. */
const WANTED = new Set([
  ...TYPE_TAGS,
  "DW_TAG_compile_unit",
  "DW_TAG_subprogram",
  "DW_TAG_formal_parameter",
  "DW_TAG_inlined_subroutine",
]);
/** Typedefs of typedefs: Go's have at most two levels. */
const MAX_TYPEDEFS = 16;

function resolve(die: Die, variables: readonly Die[], known: Known): WitnessFunction {
  const entry = Number(/0x[0-9a-f]+/.exec(die.attributes.get("DW_AT_low_pc")!)![0]);
  const origin = known.abstracts.get(reference(die.attributes.get("DW_AT_abstract_origin")) ?? "");
  return {
    name: die.attributes.has("DW_AT_name") ? text(die.attributes.get("DW_AT_name")) : (origin?.name ?? ""),
    entry,
    declLine: integer(die.attributes.get("DW_AT_decl_line")) ?? origin?.line,
    variables: variables.map(({ attributes }) => {
      const from = known.abstracts.get(reference(attributes.get("DW_AT_abstract_origin")) ?? "");
      const type = reference(attributes.get("DW_AT_type")) ?? from?.type;
      return {
        name: from?.name ?? text(attributes.get("DW_AT_name")),
        isResult: from?.result ?? isResult(attributes),
        ...typeOf(type, known),
        location: locationAt(attributes.get("DW_AT_location"), entry),
      };
    }),
  };
}

function typeOf(offset: string | undefined, known: Known): { typeName: string; typeSize: number | undefined } {
  let type = known.types.get(offset ?? "");
  const typeName = type?.name ?? "";
  for (let i = 0; i < MAX_TYPEDEFS && type?.size === undefined && type?.target !== undefined; i++)
    type = known.types.get(type.target);
  return { typeName, typeSize: type?.size };
}

/** The expression that holds at `entry`, from either form: `(expression)` or a list with `[low, high): expression`. */
function locationAt(value: string | undefined, entry: number): WitnessPiece[] | undefined {
  if (value === undefined) return undefined;
  const inner = value.slice(1, -1);
  if (inner === "<empty>") return [];
  const lines = inner.split("\n");
  if (lines.length === 1) return pieces(inner);
  for (const line of lines.slice(1)) {
    const match = /\[0x([0-9a-f]+),\s*0x([0-9a-f]+)\)(?: "[^"]*")?:\s*(.*)$/.exec(line);
    if (match === null) continue;
    if (entry >= Number.parseInt(match[1]!, 16) && entry < Number.parseInt(match[2]!, 16)) return pieces(match[3]!);
  }
  return undefined;
}

function pieces(expression: string): WitnessPiece[] {
  const found: WitnessPiece[] = [];
  let place: string | undefined;
  let seen = false;
  for (const operation of expression.split(/,\s*/)) {
    const piece = /^DW_OP_piece 0x([0-9a-f]+)$/.exec(operation);
    if (piece !== null) {
      found.push({ size: Number.parseInt(piece[1]!, 16), place: seen ? place : undefined });
      place = undefined;
      seen = false;
      continue;
    }
    seen = true;
    place = placeOf(operation) ?? `? ${operation}`;
  }
  if (seen) found.push({ size: undefined, place });
  return found;
}

function placeOf(operation: string): string | undefined {
  if (operation === "DW_OP_call_frame_cfa") return "CFA+0";
  const frame = /^DW_OP_fbreg ([+-]\d+)$/.exec(operation);
  if (frame !== null) return `CFA${frame[1]}`;
  const register = /^DW_OP_regx?\d* ?(?:0x[0-9a-f]+ )?(\w+)$/.exec(operation)?.[1];
  if (register === undefined) return undefined;
  return register.replace(/^XMM/, "X");
}

function reference(value: string | undefined): string | undefined {
  return value === undefined ? undefined : /0x[0-9a-f]+/.exec(value)?.[0]?.replace(/^0x0*/, "");
}
function integer(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^\((0x[0-9a-f]+|\d+)\)$/.exec(value);
  return match === null ? undefined : Number(match[1]);
}
function isResult(attributes: Map<string, string>): boolean {
  return integer(attributes.get("DW_AT_variable_parameter")) === 1;
}
/** The text between `("` and `")`; LLVM escapes bytes beyond ASCII as `\303` in octal. */
function text(value: string | undefined): string {
  const quoted = value === undefined ? null : /^\("(.*)"\)$/s.exec(value);
  if (quoted === null) return "";
  if (!quoted[1]!.includes("\\")) return quoted[1]!;
  const latin = Buffer.from(quoted[1]!, "utf8").toString("latin1");
  const bytes = latin.replace(/\\([0-7]{3}|x[0-9a-fA-F]{2}|.)/g, (_, escape: string) => {
    if (/^[0-7]{3}$/.test(escape)) return String.fromCharCode(Number.parseInt(escape, 8));
    if (escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16));
    return escape;
  });
  return Buffer.from(bytes, "latin1").toString("utf8");
}

async function* dies(file: string): AsyncIterable<Die> {
  let current: Die | undefined;
  let attribute: { name: string; value: string } | undefined;
  const finish = () => {
    if (attribute !== undefined) current?.attributes.set(attribute.name, attribute.value);
    attribute = undefined;
  };
  for await (const line of linesOf("llvm-dwarfdump", ["--debug-info", file])) {
    const title = /^0x([0-9a-f]+):(\s+)(DW_TAG_\w+|NULL)/.exec(line);
    if (title !== null) {
      finish();
      if (current !== undefined) yield current;
      current = WANTED.has(title[3]!)
        ? {
            offset: title[1]!.replace(/^0*/, ""),
            tag: title[3]!,
            depth: (title[2]!.length - 1) / 2,
            attributes: new Map(),
          }
        : undefined;
      continue;
    }
    if (current === undefined) continue;
    const named = /^\s+(DW_AT_\w+)\t(.*)$/.exec(line);
    if (named !== null) {
      finish();
      attribute = { name: named[1]!, value: named[2]! };
    } else if (attribute !== undefined && line.trim() !== "") {
      attribute.value += `\n${line.trim()}`;
    }
  }
  finish();
  if (current !== undefined) yield current;
}
