/** A value's tree (`--values`) without its types, but for what interfaces hold, as test/values/delve writes Delve's. */
import type { Value } from "../../src/value/api.ts";

/** A map with more entries shows any of them. */
const MAX_ENTRIES = 64;

export function plainText(value: Value): string {
  const { kind, text, elem, elems, fields, entries, unavailable } = value;
  if (value.redacted === true) return "<unavailable: redacted>";
  if (unavailable !== undefined && elems === undefined && entries === undefined) return `<unavailable: ${unavailable}>`;
  if (value.nil === true) return "nil";
  switch (kind) {
    case "ptr":
      return elem === undefined ? "(address)" : `&${plainText(elem)}`;
    case "unsafe.Pointer":
      return text === undefined ? "nil" : "(address)";
    case "interface":
      return elem === undefined ? "nil" : `${dynamicType(elem)}(${plainText(elem)})`;
    case "string":
      return `${text}${cut(value)}`;
    case "func": {
      const captured = elem === undefined ? fieldTexts(value) : [plainText(elem)];
      return captured.length === 0 ? (text ?? "nil") : `${text}{${captured.join(", ")}}`;
    }
    case "struct":
      return fields === undefined && text !== undefined ? text : `{${fieldTexts(value).join(", ")}}`;
    case "slice":
    case "array":
      return `[${text === undefined ? elementTexts(value) : bytesOf(text, value)}]`;
    case "map":
      if ((value.len ?? 0) > MAX_ENTRIES) return `{len ${value.len}}`;
      return `{${entryTexts(value)}}`;
    case "chan":
      return `(len ${value.len}, cap ${value.cap}${value.closed === true ? ", closed" : ""})[${elementTexts(value)}]`;
    default:
      return text ?? "";
  }
}

/** Delve writes funcs' types in its own way; `%T` has paths in type arguments. */
function dynamicType({ kind, type }: Value): string {
  return kind === "func" ? "func" : type.replaceAll(/[\w.~%-]+\//g, "");
}

function fieldTexts({ fields = [] }: Value): string[] {
  return fields.map((field) => (field.name === "" ? "" : `${field.name}:`) + plainText(field.value));
}

function elementTexts(value: Value): string {
  return withRest((value.elems ?? []).map(plainText), value);
}

function entryTexts(value: Value): string {
  const entries = (value.entries ?? []).map((entry) => `${plainText(entry.key)}:${plainText(entry.value)}`);
  return withRest(
    entries.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    value,
  );
}

function withRest(texts: string[], value: Value): string {
  if (value.unavailable !== undefined) texts.push(`<unavailable: ${value.unavailable}>`);
  if (value.cut !== undefined) texts.push(cut(value));
  return texts.join(", ");
}

/** Byte slices that read well are written as a string: which bytes those are. */
function bytesOf(text: string, value: Value): string {
  return withRest(Array.from(Buffer.from(unquoted(text)), String), value);
}

/** Of a string that strconv.Quote wrote of printable text and `\t \n \r`, which JSON reads alike. */
function unquoted(text: string): string {
  return JSON.parse(text) as string;
}

function cut(value: Value): string {
  return value.cut === undefined ? "" : `…+${value.cut}`;
}
