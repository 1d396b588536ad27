/**
 * FUNCDATA_ArgInfo (Go 1.17 and later): what the runtime prints of arguments in a traceback, and here an independent
 * witness of a function's parameter list, blank parameters included. The encoder is EmitArgInfo in
 * cmd/compile/internal/ssagen/ssa.go: for each scalar part its offset in the argument area and its size, with marks
 * around aggregates, for at most ten parts.
 */
import type { GoType } from "../../goabi/type.ts";

const END = 0xff;
const START_AGGREGATE = 0xfe;
const END_AGGREGATE = 0xfd;
const DOTS = 0xfc;
const OFFSET_TOO_LARGE = 0xfb;
const SPECIAL = 0xf0;
/** Of the offsets that the stream has, in bytes. */
export const MAX_ARG_INFO_OFFSET = SPECIAL - 1;
const LIMIT = 10;
const MAX_DEPTH = 5;
/** `maxLen` of the encoder: no stream is longer. */
export const MAX_ARG_INFO_BYTES = (MAX_DEPTH * 3 + 2) * LIMIT + 1;

export interface ArgInfo {
  readonly bytes: readonly number[];
  /** The stream ends with "…": parameters after the tenth part are not in it. */
  readonly truncated: boolean;
  /** Parameters whose every part is in the stream. */
  readonly covered: number;
}

/** The stream that the compiler writes for these parameters at these offsets of the argument area. */
export function encodeArgInfo(types: readonly GoType[], offsets: readonly number[]): ArgInfo {
  const bytes: number[] = [];
  let parts = 0;
  let truncated = false;

  function part(size: number, offset: number): void {
    if (offset >= SPECIAL) bytes.push(OFFSET_TOO_LARGE);
    else bytes.push(offset, size & 0xff);
    parts++;
  }

  /** False: the limit is reached, nothing more is written. */
  function visit(type: GoType, offset: number, depth: number): boolean {
    if (parts >= LIMIT) {
      bytes.push(DOTS);
      truncated = true;
      return false;
    }
    const inner = partsOf(type);
    if (inner === undefined) {
      part(type.size, offset);
      return true;
    }
    bytes.push(START_AGGREGATE);
    if (depth + 1 >= MAX_DEPTH) {
      bytes.push(DOTS, END_AGGREGATE);
      parts++;
      return true;
    }
    let any = false;
    for (const child of inner) {
      any = true;
      const { type: childType, size } = child;
      if (childType !== undefined) {
        if (!visit(childType, offset + child.offset, depth + 1)) break;
      } else if (parts >= LIMIT) {
        bytes.push(DOTS);
        truncated = true;
        break;
      } else part(size, offset + child.offset);
    }
    if (!any) parts++;
    bytes.push(END_AGGREGATE);
    return true;
  }

  let covered = 0;
  for (const [index, type] of types.entries()) {
    if (!visit(type, offsets[index]!, 0)) break;
    if (!truncated) covered = index + 1;
  }
  bytes.push(END);
  return { bytes, truncated, covered };
}

/** One parameter as the stream has it: a number of `size` bytes, or an aggregate of them. */
export type ArgNode = { readonly offset: number; readonly size: number } | { readonly parts: readonly ArgNode[] };

/** The stream's parameters in order; undefined where it is cut off ("…", offsets too large) or damaged. */
export function parseArgInfo(bytes: Uint8Array): readonly ArgNode[] | undefined {
  const open: ArgNode[][] = [[]];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === END) return open.length === 1 ? open[0] : undefined;
    if (byte === START_AGGREGATE) open.push([]);
    else if (byte === END_AGGREGATE) {
      const parts = open.pop();
      if (parts === undefined || open.length === 0) return undefined;
      open.at(-1)!.push({ parts });
    } else if (byte >= SPECIAL) return undefined;
    else open.at(-1)!.push({ offset: byte, size: bytes[++at] ?? 0 });
  }
  return undefined;
}

interface Part {
  readonly offset: number;
  readonly size: number;
  readonly type?: GoType;
}

/** Parts of an aggregate; undefined for what the encoder writes as one number. */
function* elements(type: GoType & { kind: "array" }): Iterable<Part> {
  // The encoder stops after ten parts; an empty element counts as one.
  for (let i = 0; i < Math.min(type.length, LIMIT + 1); i++)
    yield { offset: i * type.elem.size, size: type.elem.size, type: type.elem };
}

function partsOf(type: GoType): Iterable<Part> | undefined {
  switch (type.kind) {
    case "string":
    case "interface":
      return words(2);
    case "slice":
      return words(3);
    case "complex64":
    case "complex128":
      return [
        { offset: 0, size: type.size / 2 },
        { offset: type.size / 2, size: type.size / 2 },
      ];
    case "array":
      return elements(type);
    case "struct":
      return type.fields.map((field) => ({ offset: field.offset, size: field.type.size, type: field.type }));
    default:
      return undefined;
  }
}

function words(count: number): Part[] {
  return Array.from({ length: count }, (_, index) => ({ offset: index * 8, size: 8 }));
}
