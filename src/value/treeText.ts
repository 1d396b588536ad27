/**
 * A value's Go text over several lines: what fits stands on one line, else each part has its own. Of a context.Context
 * that does not fit, its values are written.
 */
import type { Value } from "./api.ts";
import { contextChain } from "./contextChain.ts";
import { shortText } from "./shortText.ts";
import { textOf } from "./text.ts";

export interface TreeBounds {
  /** Columns of a line; only names and types of their own length make one longer. */
  readonly columns: number;
  /** Lines in all; what is left out is said in one more. */
  readonly lines: number;
}

const INDENT = "  ";

/** `label`: what stands in front of the value, `o = ` for example. */
export function treeText(label: string, value: Value, bounds: TreeBounds): string {
  const lines: string[] = [];
  write({ label, value, end: "" }, 0, bounds, lines);
  if (lines.length <= bounds.lines) return lines.join("\n");
  return [...lines.slice(0, bounds.lines), "…"].join("\n");
}

interface Part {
  readonly label: string;
  readonly value: Value;
  readonly end: string;
}

function write({ label, value, end }: Part, depth: number, bounds: TreeBounds, lines: string[]): void {
  // One line too many shows that something is left out.
  if (lines.length > bounds.lines) return;
  const indent = INDENT.repeat(depth);
  const room = bounds.columns - indent.length - label.length - end.length;
  const whole = textOf(value);
  const parts = whole.length <= room || contextChain(value) !== undefined ? [] : partsOf(value);
  if (whole.length <= room || parts.length === 0) {
    const text = whole.length <= room ? whole : shortText(value, Math.max(room, MIN_COLUMNS));
    lines.push(`${indent}${label}${text}${end}`);
    return;
  }
  lines.push(`${indent}${label}${opening(value)}{`);
  for (const part of parts) write(part, depth + 1, bounds, lines);
  const { cut } = composite(value);
  if (cut !== undefined) lines.push(`${indent}${INDENT}…+${cut}`);
  lines.push(`${indent}}${end}`);
}

/** Deep inside, a line gets wider instead of saying nothing. */
const MIN_COLUMNS = 24;

/** What has parts: behind pointers and interfaces. */
function composite(value: Value): Value {
  const passes = (value.kind === "ptr" || value.kind === "interface") && value.elem !== undefined;
  return passes ? composite(value.elem) : value;
}

function partsOf(value: Value): Part[] {
  const { kind, text, elem, fields, elems, entries } = composite(value);
  const end = ",";
  if (fields !== undefined) {
    return fields.map(({ name, value: field }) => ({ label: name === "" ? "" : `${name}: `, value: field, end }));
  }
  if (kind === "func" && elem !== undefined) return [{ label: "", value: elem, end }];
  if (entries !== undefined)
    return entries.map((entry) => ({ label: `${shortText(entry.key, MAX_KEY)}: `, value: entry.value, end }));
  if (elems !== undefined && text === undefined) return elems.map((each) => ({ label: "", value: each, end }));
  return [];
}

const MAX_KEY = 40;

/** What stands before the brace. */
function opening(value: Value): string {
  const { type, kind, text, elem, len, cap, closed } = value;
  if (kind === "ptr" && elem !== undefined) return `&${opening(elem)}`;
  if (kind === "interface" && elem !== undefined) return opening(elem);
  if (kind === "func") return text ?? "";
  return kind === "chan" ? `${type}(len ${len}, cap ${cap}${closed === true ? ", closed" : ""})` : type;
}
