/**
 * "No, because": the one answer of everything that may not have what it is asked for. It is a value, because a function
 * that cannot be probed, a type that is not known or a file that is missing is no failure: others go on beside it. What
 * ends a request is a UserError.
 */
export interface Refusal {
  readonly ok: false;
  /** A clause that goes on from "it cannot be had:". */
  readonly reason: string;
}

export function refuse(reason: string): Refusal {
  return { ok: false, reason };
}

/** For answers that stand plainly beside the refusal; those with `ok: true` tell themselves. */
export function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === "object" && answer !== null && "ok" in answer && answer.ok === false;
}
