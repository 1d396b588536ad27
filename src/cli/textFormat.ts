/** Trace events as lines for people. A call and its return that come together make one line. */
import type {
  CallEvent,
  Removal,
  RenderedValue,
  ReturnEvent,
  StatsEvent,
  ThinnedEvent,
  TraceEvent,
} from "../engine/api.ts";
import { printable } from "./terminal.ts";

/** Lines of one batch, in the order of the calls. */
export function formatBatch(events: readonly TraceEvent[], returns: boolean): string[] {
  const ends = new Map(events.filter((event) => event.event !== "call").map((event) => [event.id, event]));
  const joined = new Set<number>();
  const lines: string[] = [];
  for (const event of events) {
    if (event.event === "call") {
      const end = ends.get(event.id);
      joined.add(event.id);
      const line = `${head(event)}${labels(event)} ${call(event)}`;
      if (end?.event === "return") lines.push(`${line} ${result(end)}${caller(event)}`);
      else if (end?.event === "unwound") lines.push(`${line} unwound (panic or Goexit)${caller(event)}`);
      else lines.push(`${line}${rest(event, returns)}${caller(event)}`);
      lines.push(...stackLines(event));
    } else if (!joined.has(event.id)) {
      const what = event.event === "return" ? result(event) : "unwound (panic or Goexit)";
      lines.push(`${head(event)} ${mark(event.id)} ${event.func} ${what}`);
    }
  }
  return lines.map(printable);
}

/** `removals`, `thinned`: what was removed, or captured less, while the trace ran. */
export function formatStats(
  stats: readonly StatsEvent[],
  returns: boolean,
  removals: readonly Removal[] = [],
  thinned: readonly ThinnedEvent[] = [],
): string[] {
  return stats.map((line) => {
    const { func, hits, emitted, filtered, throttled, dropped } = line;
    const ends = returns ? `; ${endsText(line)}` : "";
    const undecided = line.undecided > 0 ? `; ${undecidedText(line)}` : "";
    return printable(
      `${func}: ${hits} hits = ${emitted} emitted + ${filtered} filtered + ${throttled} throttled + ${dropped} dropped${ends}${undecided}${lessText(func, thinned)}${goneText(func, removals)}`,
    );
  });
}

export function removedText({ event: { func, ts, reason, rate, costPercent }, part }: Removal): string {
  const why = reason === "expired" ? "its time is up" : "over the budget";
  const what = {
    returns: "its returns are not traced any more",
    inlined: "an inlined call is not traced any more",
    watch: "not watched any more, so unwound calls are told later, or at no time",
  };
  const told = part === "calls" ? "removed" : what[part];
  const when = reason === "expired" ? "" : `${wallClock(ts)} `;
  return printable(`${when}${func}: ${told}, ${why}; ${rate} hits/s, about ${costPercent} % of a core`);
}

export function thinnedText({ func, ts, rate, costPercent, maxRate }: ThinnedEvent): string {
  return printable(
    `${wallClock(ts)} ${func}: at most ${maxRate} calls/s are captured, over the budget; ${rate} calls/s, about ${costPercent} % of a core`,
  );
}

/** Why some were throttled. */
function lessText(func: string, thinned: readonly ThinnedEvent[]): string {
  const own = thinned.find((event) => event.func === func);
  return own === undefined ? "" : `; at most ${own.maxRate}/s captured since ${wallClock(own.ts)} (over the budget)`;
}

/** What the totals lack. */
function goneText(func: string, removals: readonly Removal[]): string {
  const own = removals.filter(({ event }) => event.func === func && event.reason === "budget");
  const what = {
    calls: "not counted",
    returns: "its returns not counted",
    inlined: "not all inlined calls counted",
    watch: "not watched",
  };
  // Of several the first: then the count stopped.
  const first = new Map(own.toReversed().map((removal) => [removal.part, removal]));
  return Array.from(
    first.values(),
    ({ event, part }) => `; ${what[part]} since ${wallClock(event.ts)} (over the budget)`,
  )
    .reverse()
    .join("");
}

/** Of the calls that did not pass because their condition could not be decided. */
export function undecidedText({ undecided, reasons = [] }: StatsEvent): string {
  return `${undecided} undecided: ${reasons.map(({ reason, calls }) => `${reason} in ${calls}`).join(", ")}`;
}

function endsText({ emitted, returns, unwound, unknownEnds, openCalls }: StatsEvent): string {
  const parts = [`${returns} returns`];
  if (unwound > 0) parts.push(`${unwound} unwound`);
  if (unknownEnds > 0) parts.push(`${unknownEnds} whose end was lost`);
  parts.push(`${openCalls} still open`);
  const unseen = emitted - returns - unwound - unknownEnds - openCalls;
  if (unseen > 0) parts.push(`${unseen} whose end cannot be seen (inlined calls, or it jumps on to another function)`);
  return parts.join(", ");
}

function head({ ts, pid, goid }: TraceEvent & { ts: string; pid: number; goid: number }): string {
  return `${wallClock(ts)} [${pid}${goid === 0 ? "" : ` g${goid}`}]`;
}

/** Local time to the microsecond: what a clock on the wall and a log beside it show. */
function wallClock(ts: string): string {
  const time = new Date(ts);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
  return `${clock}.${ts.slice(20, 26)}`;
}

function call({ func, args }: CallEvent): string {
  return `${func}(${args.map(({ name, text }) => `${name}=${text}`).join(", ")})`;
}

/** What stands for the end of a call that has none yet. */
function rest({ id, inlined, endUnknown }: CallEvent, returns: boolean): string {
  if (inlined === true) return " (inlined)";
  if (endUnknown === true) return " (its end will not be known)";
  return returns ? ` …${mark(id)}` : "";
}

/** Joins an end to its call; ids have up to 16 digits. */
function mark(id: number): string {
  return `#${id.toString(36)}`;
}

function result({ results, missingResults, durationNs }: ReturnEvent): string {
  const shown = results.map(resultText);
  if (shown.length === 0 && missingResults !== undefined) shown.push(`<unavailable: ${missingResults}>`);
  return `→ ${shown.length === 0 ? "" : `${shown.join(", ")} `}(${formatDuration(durationNs)})`;
}

function resultText({ name, text }: RenderedValue): string {
  return /^~r\d+$/.test(name) ? text : `${name}=${text}`;
}

function labels({ labels = {}, labelsUnavailable }: CallEvent): string {
  const shown = Object.entries(labels).map(([key, value]) => `${labelText(key)}=${labelText(value)}`);
  if (labelsUnavailable !== undefined) shown.push(`<unavailable: ${labelsUnavailable}>`);
  return shown.length === 0 ? "" : ` [${shown.join(" ")}]`;
}

/** In quotes where it would not be read as one word. */
function labelText(text: string): string {
  return /^[^\s"=[\]]+$/.test(text) ? text : JSON.stringify(text);
}

function stackLines({ stack, stackCut }: CallEvent): string[] {
  const lines = (stack ?? []).map(({ func, file, line }) => `    ${func} ${file}:${line}`);
  return stackCut === undefined ? lines : [...lines, `    … (${stackCut})`];
}

/** Where the stack is shown, its first line says it. */
function caller({ caller: name, callerLine, stack }: CallEvent): string {
  if (name === undefined || (stack?.length ?? 0) > 0) return "";
  return ` ← ${name}${callerLine === undefined ? "" : `:${callerLine}`}`;
}

export function formatDuration(ns: number): string {
  if (ns < 1000) return `${ns}ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)}µs`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)}ms`;
  return ns < 1e12 ? `${(ns / 1e9).toPrecision(3)}s` : `${Math.round(ns / 1e9)}s`;
}
