/** A value's tree as Go text, one line (docs/contracts.md, "Value text"). */
import type { Value } from "./api.ts";

export function textOf(value: Value): string {
  if (value.redacted === true) return "<redacted>";
  if (value.unavailable !== undefined && value.elems === undefined && value.entries === undefined)
    return unavailableText(value.unavailable);
  const { type, text } = value;
  switch (value.kind) {
    case "string":
      return `${text}${cutMark(value)}`;
    case "unsafe.Pointer":
      return `${type}(${text ?? "nil"})`;
    case "ptr":
      if (value.elem !== undefined) return `&${textOf(value.elem)}`;
      return `(${type})(${value.address ?? "nil"})`;
    case "interface":
      return value.elem === undefined ? "nil" : dynamicText(value.elem);
    case "func":
      return text === undefined ? "func(nil)" : `${text}${capturedText(value)}`;
    case "struct":
      return text === undefined ? `${type}{${fieldTexts(value)}}` : `${type}(${text})`;
    case "slice":
    case "array": {
      const name = bytesName(type);
      if (value.nil === true) return `${name}(nil)`;
      return text === undefined ? `${name}${elementTexts(value)}` : `${name}(${text}${cutMark(value)})`;
    }
    case "map":
      return value.nil === true ? `${type}(nil)` : `${type}{${entryTexts(value)}}`;
    case "chan": {
      if (value.nil === true) return `${type}(nil)`;
      const closed = value.closed === true ? ", closed" : "";
      return `${type}(len ${value.len}, cap ${value.cap}${closed})${elementTexts(value)}`;
    }
    default:
      return text ?? "";
  }
}

/** What an interface holds: a basic value as a conversion, others as themselves. */
function dynamicText(value: Value): string {
  if (value.text === undefined || value.kind === "unsafe.Pointer") return textOf(value);
  switch (value.kind) {
    case "struct":
    case "slice":
    case "array":
    case "func":
      return textOf(value);
    case "complex64":
    case "complex128":
      return `${value.type}${textOf(value)}`;
    default:
      return `${value.type}(${textOf(value)})`;
  }
}

function capturedText(value: Value): string {
  if (value.elem !== undefined) return `{${textOf(value.elem)}}`;
  return value.fields === undefined ? "" : `{${fieldTexts(value)}}`;
}

function fieldTexts(value: Value): string {
  return (value.fields ?? [])
    .map((field) => (field.name === "" ? textOf(field.value) : `${field.name}:${textOf(field.value)}`))
    .join(", ");
}

function elementTexts(value: Value): string {
  return `{${withCut((value.elems ?? []).map(textOf), value)}}`;
}

function entryTexts(value: Value): string {
  return withCut(
    (value.entries ?? []).map((entry) => `${textOf(entry.key)}:${textOf(entry.value)}`),
    value,
  );
}

function unavailableText(why: string): string {
  return `<unavailable: ${why}>`;
}

function withCut(texts: string[], value: Value): string {
  if (value.unavailable !== undefined) texts.push(unavailableText(value.unavailable));
  if (value.cut !== undefined) texts.push(cutMark(value));
  return texts.join(", ");
}

function cutMark(value: Value): string {
  return value.cut === undefined ? "" : `…+${value.cut}`;
}

/** `[]byte` and `[3]byte` for what `%T` calls `[]uint8` and `[3]uint8`, when they are shown as bytes. */
function bytesName(type: string): string {
  return type.replace(/^(\[\d*\])uint8$/, "$1byte");
}
