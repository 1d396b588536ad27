/**
 * The one error that users see: what was tried (with which value), why it failed, and what to do.
 * Anything else that reaches the top is a defect of Probelens and is reported as such.
 */
export class UserError extends Error {
  readonly what: string;
  readonly why: string;
  readonly remedy: string;
  /** 1: the request failed; 2: it was not a valid request (usage). */
  readonly exitStatus: 1 | 2;
  /** For programs: a stable word such as `no-such-process`. */
  readonly code: string;

  constructor(parts: { code: string; what: string; why: string; remedy: string; exitStatus?: 1 | 2 }) {
    super(`${parts.what}: ${parts.why}. ${parts.remedy}`);
    this.name = "UserError";
    this.code = parts.code;
    this.what = parts.what;
    this.why = parts.why;
    this.remedy = parts.remedy;
    this.exitStatus = parts.exitStatus ?? 1;
  }
}
