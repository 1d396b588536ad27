/**
 * A value's tree as text of at most so many columns: shortened by leaving parts out, never by cutting through a number,
 * a name or a rune. The notation is that of docs/contracts.md ("Value text"), without what a signature beside it says
 * already: types of slices, maps and nil, and the package that the reader is in. Of a context.Context its values are
 * written. Columns are code points.
 *
 *     &Order{ID:7, Customer:"Ada Lo"…+6, Items:[3]…, …}     context{requestKey{}:"r-21"}
 */
import type { Entry, Value } from "./api.ts";
import { contextChain } from "./contextChain.ts";

export interface Named {
  readonly name: string;
  readonly value: Value;
  /** Columns at the most: what tells little leaves its share to the others. */
  readonly atMost?: number;
}

const ELLIPSIS = "…";
/** Fields that are left out first: they say nothing about what a call is for. */
const LOCKS = /^(sync\.(Mutex|RWMutex|Once|WaitGroup|Cond|Pool|noCopy)|atomic\.noCopy)$/;
/** Less than this of one part among several tells nothing: then the last parts are left out. */
const LEAST_COLUMNS = 6;
/** Less than this of a list whose first element does not fit tells less than its length. */
const LEAST_OF_ELEMENT = 24;

/** `ownPackage`: left out in front of type names, as the package's source does. `columns` ≥ 1. */
export function shortText(value: Value, columns: number, ownPackage = ""): string {
  return new Shortener(ownPackage).fit(value, columns);
}

/** The texts of several values that share a line; `separator`: columns of what stands around one beside its name. */
export function shortTexts(values: readonly Named[], columns: number, separator: number, ownPackage = ""): string[] {
  const names = values.reduce((sum, { name }) => sum + width(name) + separator, 0);
  const room = Math.max(values.length, columns - names);
  return new Shortener(ownPackage).fitAll(values, room);
}

class Shortener {
  private readonly ownPackage: RegExp | undefined;

  constructor(ownPackage: string) {
    if (/^\w+$/.test(ownPackage)) this.ownPackage = new RegExp(`(?<![\\w./])${ownPackage}\\.`, "g");
  }

  fit(value: Value, columns: number): string {
    return this.whole(value, columns) ?? this.cut(value, columns);
  }

  /** Each gets a fair share of the room, and those that are cut what the others leave of theirs. */
  fitAll(values: readonly Omit<Named, "name">[], columns: number): string[] {
    const most = values.map(({ atMost = columns }) => Math.min(atMost, columns));
    const wholes = values.map(({ value }, index) => this.whole(value, most[index]!));
    const share = fairShare(
      wholes.map((whole, index) => (whole === undefined ? most[index]! : width(whole))),
      columns,
    );
    const texts = values.map(({ value }, index) => this.fit(value, Math.min(share, most[index]!)));
    let left = columns - texts.reduce((sum, text) => sum + width(text), 0);
    const cut = texts.map((_, index) => index).filter((index) => texts[index] !== wholes[index]);
    // The narrowest first: a few columns make more of `…` than of a long text.
    for (const index of cut.sort((a, b) => width(texts[a]) - width(texts[b]))) {
      const before = width(texts[index]);
      texts[index] = this.fit(values[index]!.value, Math.min(before + left, most[index]!));
      left -= width(texts[index]) - before;
    }
    return texts;
  }

  /** All of it, if there is room. */
  whole(value: Value, columns: number): string | undefined {
    const text = this.wholeText(value, columns);
    return text === undefined || width(text) > columns ? undefined : text;
  }

  private wholeText(value: Value, columns: number): string | undefined {
    if (value.redacted === true) return "<redacted>";
    if (value.unavailable !== undefined) return `<unavailable: ${value.unavailable}>`;
    if (value.nil === true) return "nil";
    const { text, elem } = value;
    const chain = contextChain(value);
    if (chain !== undefined)
      return this.list("context{", valuesOf(chain.entries), chain.whole ? "" : ELLIPSIS, columns);
    switch (value.kind) {
      case "ptr":
        return elem === undefined ? value.address : around("&", this.whole(elem, columns - 1), "");
      case "interface":
        return elem === undefined ? "nil" : this.dynamic(elem, (inner, room) => this.whole(inner, room), columns);
      case "func": {
        const name = this.unqualified(text ?? "");
        if (elem !== undefined) return around(`${name}{`, this.whole(elem, columns), "}");
        return value.fields === undefined ? name : this.list(`${name}{`, fieldsOf(value), "", columns);
      }
      case "struct":
        return text ?? this.list(`${this.unqualified(value.type)}{`, fieldsOf(value), "", columns);
      case "map":
        return this.list("map{", entriesOf(value), cutMark(value.cut), columns);
      case "slice":
      case "array":
      case "chan":
        if (text !== undefined) return `${text}${cutMark(value.cut)}`;
        return this.list(
          value.kind === "chan" ? `${channelText(value)}{` : "{",
          elementsOf(value),
          cutMark(value.cut),
          columns,
        );
      default:
        return `${text ?? ""}${cutMark(value.cut)}`;
    }
  }

  /** `open`, every part, the mark of what is left out, `}`. */
  private list(open: string, parts: readonly Part[], mark: string, columns: number): string | undefined {
    let text = open;
    for (const [index, part] of parts.entries()) {
      const room = columns - text.length;
      const written = room < 0 ? undefined : this.part(part, room);
      if (written === undefined) return undefined;
      text += index === 0 ? written : `, ${written}`;
    }
    return `${text}${mark !== "" && parts.length > 0 ? ", " : ""}${mark}}`;
  }

  private part({ label, value }: Part, columns: number): string | undefined {
    const name = typeof label === "string" ? label : around("", this.whole(label, columns), ":");
    return name === undefined ? undefined : around(name, this.whole(value, columns), "");
  }

  private cut(value: Value, columns: number): string {
    return atMost(columns, this.cutTexts(value, columns));
  }

  /** From long to short. */
  private cutTexts(value: Value, columns: number): (string | undefined)[] {
    if (value.redacted === true) return [];
    if (value.unavailable !== undefined) return ["<unavailable>"];
    if (contextChain(value) !== undefined) return ["context{…}"];
    const { text, elem } = value;
    switch (value.kind) {
      case "string":
        return text === undefined ? [] : [cutQuoted(text, value.cut ?? 0, columns), '"…"'];
      case "ptr":
        return elem === undefined ? [] : [columns > 1 ? `&${this.cut(elem, columns - 1)}` : undefined];
      case "interface":
        return elem === undefined ? [] : [this.dynamic(elem, (inner, room) => this.fit(inner, room), columns)];
      case "func":
        return [
          this.someFields(value, columns, text),
          `${this.unqualified(text ?? "")}{${ELLIPSIS}}`,
          `func ${ELLIPSIS}`,
        ];
      case "struct":
        return text === undefined ? [this.someFields(value, columns), "{…}"] : [];
      case "slice":
      case "array":
        if (text !== undefined) return [cutQuoted(text, value.cut ?? 0, columns), '"…"'];
        return [this.someParts("{", elementsOf(value), value, columns), `[${value.len}]…`];
      case "map":
        return [this.someParts("map{", entriesOf(value), value, columns), `map[${value.len}]…`];
      case "chan":
        return [channelText(value), `chan ${ELLIPSIS}`];
      default:
        return [];
    }
  }

  /** Every field a fair share of the room; where that is too little, the first ones. What has no name goes first. */
  private someFields(value: Value, columns: number, name = value.type): string | undefined {
    const open = `${this.unqualified(name)}{`;
    const all = fieldsOf(value);
    const fields = all.filter(
      ({ label, value: field }) => !LOCKS.test(field.type) && (label !== "" || field.unavailable === undefined),
    );
    const room = columns - width(open) - 1;
    const wanted = fields.map(({ value: field }) => width(this.whole(field, room)));
    for (let count = fields.length; count > 0; count--) {
      const rest = count < all.length ? width(`, ${ELLIPSIS}`) : 0;
      const shown = fields.slice(0, count);
      const labels = shown.reduce((sum, { label }) => sum + width(`${label}, `), -2);
      const left = room - rest - labels;
      const most = fairShare(wanted.slice(0, count), left);
      if (left < count || most < Math.min(LEAST_COLUMNS, Math.max(...wanted.slice(0, count)))) continue;
      const texts = this.fitAll(shown, left).map((text, index) => `${shown[index]?.label ?? ""}${text}`);
      return `${open}${texts.join(", ")}${rest > 0 ? `, ${ELLIPSIS}` : ""}}`;
    }
    return `${open}${ELLIPSIS}}`;
  }

  /** The first elements or entries, whole ones only; undefined where not even one has room. */
  private someParts(open: string, parts: readonly Part[], value: Value, columns: number): string | undefined {
    const all = parts.length + (value.cut ?? 0);
    let text = open;
    let best: string | undefined;
    for (const [index, part] of parts.entries()) {
      const written = this.part(part, columns - text.length);
      if (written === undefined) break;
      text += index === 0 ? written : `, ${written}`;
      const left = all - index - 1;
      const closed = left === 0 ? `${text}}` : `${text}, ${cutMark(left)}}`;
      if (width(closed) > columns) break;
      best = closed;
    }
    const [first] = parts;
    if (best !== undefined || first === undefined || columns < LEAST_OF_ELEMENT) return best;
    // Of large elements the first one's start.
    const label = typeof first.label === "string" ? first.label : `${this.fit(first.label, LEAST_COLUMNS)}:`;
    const end = all === 1 ? "}" : `, ${cutMark(all - 1)}}`;
    return `${open}${label}${this.fit(first.value, columns - width(open) - width(label) - width(end))}${end}`;
  }

  /** What an interface holds: its type is said by nothing else. */
  private dynamic(
    value: Value,
    write: (value: Value, columns: number) => string | undefined,
    columns: number,
  ): string | undefined {
    const type = this.unqualified(value.type);
    if (value.redacted === true || value.unavailable !== undefined) return write(value, columns);
    if (value.nil === true) return `(${type})(nil)`;
    const inside = (open: string, close: string): string | undefined => {
      const room = columns - width(open) - width(close);
      return room < 1 ? undefined : around(open, write(value, room), close);
    };
    switch (value.kind) {
      case "ptr":
        return value.elem === undefined ? inside(`(${type})(`, ")") : write(value, columns);
      case "struct":
        return value.text === undefined ? write(value, columns) : inside(`${type}(`, ")");
      case "slice":
      case "array":
      case "map":
        return value.text === undefined ? inside(`${type} `, "") : inside(`${type}(`, ")");
      case "chan":
      case "func":
        return write(value, columns);
      default:
        return value.text?.startsWith("(") === true ? inside(type, "") : inside(`${type}(`, ")");
    }
  }

  private unqualified(type: string): string {
    return this.ownPackage === undefined ? type : type.replace(this.ownPackage, "");
  }
}

interface Part {
  /** Field name and colon; a map's key. */
  readonly label: string | Value;
  readonly value: Value;
}

function fieldsOf({ fields }: Value): (Part & { readonly label: string })[] {
  return (fields ?? []).map(({ name, value }) => ({ label: name === "" ? "" : `${name}:`, value }));
}

/** A context's: its types say little, and `ctx.Value` gives what an interface holds. */
function valuesOf(entries: readonly Entry[]): Part[] {
  const held = (value: Value): Value => (value.kind === "interface" ? (value.elem ?? value) : value);
  return entries.map(({ key, value }) => ({ label: held(key), value: held(value) }));
}

function elementsOf({ elems }: Value): Part[] {
  return (elems ?? []).map((value) => ({ label: "", value }));
}

function entriesOf({ entries }: Value): Part[] {
  return (entries ?? []).map(({ key, value }) => ({ label: key, value }));
}

function channelText({ len, cap, closed }: Value): string {
  return `chan(${len}/${cap}${closed === true ? ", closed" : ""})`;
}

function around(before: string, text: string | undefined, behind: string): string | undefined {
  return text === undefined ? undefined : `${before}${text}${behind}`;
}

function cutMark(cut: number | undefined): string {
  return cut === undefined ? "" : `${ELLIPSIS}+${cut}`;
}

function atMost(columns: number, texts: readonly (string | undefined)[]): string {
  return texts.find((text) => text !== undefined && width(text) <= columns) ?? ELLIPSIS;
}

/** The most columns that each may have so that all fit; what a short one leaves goes to the long ones. */
export function fairShare(wanted: readonly number[], columns: number): number {
  let left = columns;
  let most = 0;
  const sorted = [...wanted].sort((a, b) => a - b);
  for (const [index, want] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index));
    if (want > share) return Math.max(1, share);
    left -= want;
    most = want;
  }
  return Math.max(1, most);
}

/** strconv.Quote's text, cut between two runes; the mark counts the bytes that are left out. */
function cutQuoted(quoted: string, cut: number, columns: number): string | undefined {
  const runes = quoted.slice(1, -1).match(/\\x..|\\u....|\\U........|\\.|./gsu) ?? [];
  let left = runes.reduce((sum, rune) => sum + bytesOf(rune), cut);
  let text = "";
  let best: string | undefined;
  for (const rune of runes) {
    text += rune;
    left -= bytesOf(rune);
    const marked = `"${text}"${cutMark(left)}`;
    // The mark gets shorter on the way, so that a later cut may fit where an earlier one did not.
    if (width(text) > columns) break;
    if (left > 0 && width(marked) <= columns) best = marked;
  }
  return best;
}

/** UTF-8 bytes that an element of a quoted text stands for. */
function bytesOf(rune: string): number {
  if (rune.startsWith("\\x")) return 1;
  const escaped = /^\\[uU](.*)$/.exec(rune)?.[1];
  if (escaped !== undefined) return Buffer.byteLength(String.fromCodePoint(Number.parseInt(escaped, 16)));
  return rune.startsWith("\\") ? 1 : Buffer.byteLength(rune);
}

/** Infinite for what has no text. */
function width(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  // oxlint-disable-next-line no-control-regex
  return /^[\u0000-\u007f]*$/.test(text) ? text.length : Array.from(text).length;
}
