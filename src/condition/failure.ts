/** A condition that cannot be used: the reason, and which part of its text is meant. */
import { UserError } from "../protocol/errors.ts";

/** A part of the expression's text: UTF-16 offsets, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export class ConditionFailure extends Error {
  readonly span: Span;
  readonly remedy: string | undefined;

  constructor(span: Span, why: string, remedy?: string) {
    super(why);
    this.name = "ConditionFailure";
    this.span = span;
    this.remedy = remedy;
  }
}

const HINT = `Write a Go expression over the function's parameters, such as 'n > 10 && name == "bob"'`;

/** Status 2, with the expression and a mark under the part that is wrong. */
export function asUserError(text: string, failure: ConditionFailure, func?: string): UserError {
  return new UserError({
    code: "bad-condition",
    what: func === undefined ? "--where" : `--where for ${func}`,
    why: failure.message,
    remedy: `${marked(text, failure.span)}\n  ${failure.remedy ?? HINT}`,
    exitStatus: 2,
  });
}

/**
 * The expression's line that holds the part's start, and `^~~~` under the part. Whoever prints a remedy indents its first
 * line by two.
 */
function marked(text: string, { start, end }: Span): string {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", start);
  const line = text.slice(from, newline < 0 ? text.length : newline);
  // Tabs stay tabs, so that the mark stands under its part; characters of two UTF-16 units take one column.
  const before = line
    .slice(0, start - from)
    .replace(/[\uDC00-\uDFFF]/g, "")
    .replace(/[^\t]/g, " ");
  const length = Array.from(line.slice(start - from, end - from)).length;
  return `  ${line}\n    ${before}^${"~".repeat(Math.max(0, length - 1))}`;
}
