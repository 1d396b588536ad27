/** Probes that the holder has removed, because they cost the target more than the budget: what is told of them. */
import type { RemovedParams } from "../../protocol/helperApi.ts";
import { shown } from "../../protocol/shown.ts";
import type { Removal, RemovedEvent } from "../api.ts";
import { eventTime } from "./clock.ts";
import type { ProbeTable } from "./probeTable.ts";

/** What is removed at once is told at once; it comes in one message each. */
const TOGETHER_MS = 20;
/** Functions in one notice; the rest is a count. */
const MAX_NAMED = 3;

export interface RemovalsParts {
  /** Linker names, by `fn` of the table's roles. */
  readonly functions: readonly string[];
  readonly table: Pick<ProbeTable, "roleOf" | "callProbesOf">;
  /** Percent of one core. */
  readonly budget: number;
  tell(removals: readonly Removal[], message: string): void;
  /** No call of any function is seen any more: what went last; after `tell`. */
  nothingLeft(last: RemovedEvent, message: string): void;
}

export class Removals {
  private readonly parts: RemovalsParts;
  /** Entry probes whose calls are not seen any more. */
  private readonly gone = new Set<number>();
  private waiting: Removal[] = [];
  private timer: NodeJS.Timeout | undefined;
  private exhausted = false;

  constructor(parts: RemovalsParts) {
    this.parts = parts;
  }

  take({ probe, returns, rate, costPercent, timeNs }: Omit<RemovedParams, "session">): void {
    const role = this.parts.table.roleOf(probe);
    if (role === undefined || role.kind === "watch") return;
    if (!returns) this.gone.add(probe);
    const part = returns ? "returns" : role.kind === "inlined" ? "inlined" : "calls";
    const event = {
      event: "removed",
      func: this.parts.functions[role.fn] ?? "",
      ts: eventTime(BigInt(timeNs)),
      reason: "budget",
      rate: roundedTo3(rate),
      costPercent: roundedTo3(costPercent),
    } as const;
    this.waiting.push({ event, part });
    this.timer ??= setTimeout(() => this.flush(), TOGETHER_MS);
  }

  /** Tells what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { waiting } = this;
    this.waiting = [];
    if (waiting.length === 0) return;
    const message = removedMessage(waiting, this.parts.budget);
    this.parts.tell(waiting, message);
    const calls = this.parts.functions.flatMap((_, fn) => this.parts.table.callProbesOf(fn));
    if (this.exhausted || calls.some((probe) => !this.gone.has(probe))) return;
    this.exhausted = true;
    const last = waiting.at(-1);
    if (last !== undefined) this.parts.nothingLeft(last.event, message);
  }
}

/** `removals`: not empty, removed at about the same time. */
export function removedMessage(removals: readonly Removal[], budget: number): string {
  const named = removals.slice(0, MAX_NAMED).map(({ event: { func, rate, costPercent }, part }) => {
    const what = { returns: "the returns of ", inlined: "an inlined call of ", calls: "" }[part];
    return `${what}${shown(func)} (${grouped(rate)} a second, about ${costPercent} % of a core)`;
  });
  const more = removals.length > MAX_NAMED ? `, and ${removals.length - MAX_NAMED} more` : "";
  const first = new Date(removals[0]?.event.ts ?? 0);
  const clock = [first.getHours(), first.getMinutes(), first.getSeconds()].map((n) => String(n).padStart(2, "0"));
  return (
    `tracing cost the process more than the budget of ${budget} % of a core, so these probes were removed at ${clock.join(":")}: ` +
    `${named.join(", ")}${more}; from then on they are not counted. A condition or a rate makes no hit cheaper: trace a ` +
    "function that is called less often, or allow more (--budget PERCENT or off; in the editor probelens.budget)"
  );
}

function grouped(rate: number): string {
  return String(Math.round(rate)).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Three digits are all that such a figure is good for. */
export function roundedTo3(value: number): number {
  return Number(value.toPrecision(3));
}
