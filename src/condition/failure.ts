/** A condition that cannot be used: the reason, and which part of its text is meant. */
import { UserError } from "../protocol/errors.ts";
import { marked, type Span } from "./mark.ts";

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
  // Whoever prints a remedy indents its first line by two.
  const [line, mark] = marked(text, failure.span);
  return new UserError({
    code: "bad-condition",
    what: func === undefined ? "--where" : `--where for ${func}`,
    why: failure.message,
    remedy: `  ${line}\n    ${mark}\n  ${failure.remedy ?? HINT}`,
    exitStatus: 2,
  });
}
