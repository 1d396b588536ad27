/**
 * What the holder has done because probes cost the target more than the budget, and what is told of it: probes are
 * removed, or fewer calls are captured.
 */
import type { RemovedParams } from "../../protocol/helperApi.ts";
import { shown } from "../../protocol/shown.ts";
import type { Removal, RemovedEvent, ThinnedEvent } from "../api.ts";
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
  tellThinned(thinned: readonly ThinnedEvent[], message: string): void;
  /** No call of any function is seen any more: what went last; after `tell`. */
  nothingLeft(last: RemovedEvent, message: string): void;
}

export class Removals {
  private readonly parts: RemovalsParts;
  /** Entry probes whose calls are not seen any more. */
  private readonly gone = new Set<number>();
  private waiting: Removal[] = [];
  private thinned: ThinnedEvent[] = [];
  private timer: NodeJS.Timeout | undefined;
  private exhausted = false;
  /** A flood is told in several messages; how to go on is said once. */
  private advised = false;

  constructor(parts: RemovalsParts) {
    this.parts = parts;
  }

  take({ probe, what, maxRate, rate, costPercent, timeNs }: Omit<RemovedParams, "session">): void {
    const role = this.parts.table.roleOf(probe);
    if (role === undefined) return;
    const told = {
      func: role.kind === "watch" ? WATCHED[role.watch] : (this.parts.functions[role.fn] ?? ""),
      ts: eventTime(BigInt(timeNs)),
      reason: "budget",
      rate: roundedTo3(rate),
      costPercent: roundedTo3(costPercent),
    } as const;
    if (what === "captures") this.thinned.push({ event: "thinned", ...told, maxRate: roundedTo3(maxRate ?? 0) });
    else {
      if (what === "calls") this.gone.add(probe);
      const part = what === "returns" ? what : role.kind === "inlined" || role.kind === "watch" ? role.kind : "calls";
      this.waiting.push({ event: { event: "removed", ...told, ...(part === "calls" ? {} : { part }) }, part });
    }
    this.timer ??= setTimeout(() => this.flush(), TOGETHER_MS);
  }

  /** Whether no call of a function is seen any more. */
  isGone(fn: number): boolean {
    const calls = this.parts.table.callProbesOf(fn);
    return calls.length > 0 && calls.every((probe) => this.gone.has(probe));
  }

  /** Tells what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { waiting, thinned } = this;
    this.waiting = [];
    this.thinned = [];
    if (thinned.length > 0) this.parts.tellThinned(thinned, thinnedMessage(thinned, this.parts.budget));
    if (waiting.length === 0) return;
    this.parts.tell(waiting, (this.advised ? removedAgainMessage : removedMessage)(waiting, this.parts.budget));
    this.advised = true;
    if (this.exhausted || this.seesCalls()) return;
    this.exhausted = true;
    const last = waiting.findLast(({ part }) => part === "calls" || part === "inlined");
    if (last === undefined) return;
    // Its returns went with it, and cost more.
    const own = waiting.filter(({ event }) => event.func === last.event.func);
    const costPercent = roundedTo3(own.reduce((sum, { event }) => sum + event.costPercent, 0));
    this.parts.nothingLeft({ ...last.event, costPercent }, removedMessage(waiting, this.parts.budget));
  }

  private seesCalls(): boolean {
    const { functions, table } = this.parts;
    return functions.some((_, fn) => table.callProbesOf(fn).some((probe) => !this.gone.has(probe)));
  }
}

/** Where (plan/unwindSites.ts, plan/signalSite.ts). */
const WATCHED = { goexit: "runtime.Goexit", resume: "runtime.recovery", sigtrampgo: "runtime.sigtrampgo" } as const;
const PARTS = {
  returns: "the returns of ",
  inlined: "an inlined call of ",
  watch: "what tells at once that calls are unwound, at ",
  calls: "",
} as const;

/** `removals`: not empty, removed at about the same time. */
export function removedMessage(removals: readonly Removal[], budget: number): string {
  return (
    `tracing cost the process more than the budget of ${budget} % of a core, so these probes were removed at ` +
    `${whenAndWhat(removals)}; from then on they are not counted. A condition or a rate makes no hit cheaper: trace a ` +
    "function that is called less often, or allow more (--budget PERCENT or off; in the editor probelens.budget)"
  );
}

/** Behind `removedMessage`. */
export function removedAgainMessage(removals: readonly Removal[], budget: number): string {
  return `more than the budget of ${budget} % of a core again, so these went, too, at ${whenAndWhat(removals)}`;
}

function whenAndWhat(removals: readonly Removal[]): string {
  const named = removals.slice(0, MAX_NAMED).map(({ event: { func, rate, costPercent }, part }) => {
    const what = PARTS[part];
    return `${what}${shown(func)} (${grouped(rate)} a second, about ${costPercent} % of a core)`;
  });
  const more = removals.length > MAX_NAMED ? `, and ${removals.length - MAX_NAMED} more` : "";
  return `${clockOf(removals[0]?.event)}: ${named.join(", ")}${more}`;
}

/** `thinned`: not empty, at about the same time. */
export function thinnedMessage(thinned: readonly ThinnedEvent[], budget: number): string {
  const named = thinned
    .slice(0, MAX_NAMED)
    .map(
      ({ func, rate, costPercent, maxRate }) =>
        `${shown(func)} at most ${grouped(maxRate)} a second (of ${grouped(rate)}, which cost about ${costPercent} % of a core beside the hits themselves)`,
    );
  const more = thinned.length > MAX_NAMED ? `, and ${thinned.length - MAX_NAMED} more` : "";
  return (
    `tracing cost the process more than the budget of ${budget} % of a core, so fewer calls are captured since ${clockOf(thinned[0])}: ` +
    `${named.join(", ")}${more}; all are counted, the others as throttled. --budget PERCENT or off (in the editor ` +
    "probelens.budget) allows more"
  );
}

/** Local time. */
function clockOf(event: { readonly ts: string } | undefined): string {
  const time = new Date(event?.ts ?? 0);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}

function grouped(rate: number): string {
  return String(Math.round(rate)).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Three digits are all that such a figure is good for. */
export function roundedTo3(value: number): number {
  return Number(value.toPrecision(3));
}
