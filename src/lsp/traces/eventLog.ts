/** Calls as lines for an output channel: one line per call, when it returns; bounded per message, the rest counted. */
import type { RenderedValue } from "../../engine/api.ts";
import { clockTime, formatDuration } from "../views/format.ts";
import type { CallRecord } from "./callHistory.ts";

/** Lines of one message; with 4 messages a second that is as fast as text can scroll. */
export const MAX_LINES_PER_MESSAGE = 100;
/** A call that runs longer than this is shown as running, and its return gets a line of its own. */
const SHOW_RUNNING_AFTER_MS = 1_000;
/** Calls that wait for their return. */
const MAX_WAITING = 2_048;

export class EventLog {
  private readonly waiting = new Map<CallRecord, number>();
  private readonly running = new WeakSet<CallRecord>();
  private lines: string[] = [];
  private skipped = 0;

  started(record: CallRecord, nowMs: number): void {
    if (record.call.inlined === true || record.call.endUnknown === true) {
      this.push(formatCall(record));
      return;
    }
    this.waiting.set(record, nowMs);
    if (this.waiting.size <= MAX_WAITING) return;
    const oldest = this.waiting.keys().next().value;
    if (oldest !== undefined) this.showRunning(oldest);
  }

  ended(record: CallRecord): void {
    this.waiting.delete(record);
    this.push(this.running.has(record) ? `${formatCall(record)} (call shown above)` : formatCall(record));
  }

  notice(text: string): void {
    this.push(`${lineTime(new Date().toISOString())}  ${text}`);
  }

  /** What is new since the last call of `take`. */
  take(nowMs: number): { readonly lines: readonly string[]; readonly skipped: number } | undefined {
    for (const [record, since] of this.waiting) {
      // Insertion order is time order: the first young one ends the walk.
      if (nowMs - since < SHOW_RUNNING_AFTER_MS) break;
      this.showRunning(record);
    }
    if (this.lines.length === 0 && this.skipped === 0) return undefined;
    const taken = { lines: this.lines, skipped: this.skipped };
    this.lines = [];
    this.skipped = 0;
    return taken;
  }

  /** True while a later `take` may have something to say. */
  get pending(): boolean {
    return this.lines.length > 0 || this.skipped > 0 || this.waiting.size > 0;
  }

  /** Tracing ended: calls that still run are shown as such. */
  close(belongs: (record: CallRecord) => boolean): void {
    for (const record of [...this.waiting.keys()].filter(belongs)) this.showRunning(record);
  }

  private showRunning(record: CallRecord): void {
    this.waiting.delete(record);
    this.running.add(record);
    this.push(formatCall(record));
  }

  private push(line: string): void {
    this.lines.push(line);
    if (this.lines.length <= MAX_LINES_PER_MESSAGE) return;
    // The newest lines are the interesting ones.
    this.lines.shift();
    this.skipped += 1;
  }
}

/** `22:10:03.123  main.computeE(iterations=1000) = 2.718  5.12 µs  (pid 42, g18)`. */
export function formatCall({ call, results, durationNs, unwound }: CallRecord): string {
  const head = `${lineTime(call.ts)}  ${call.func}(${formatValues(call.args)})`;
  const tail = `(pid ${call.pid}, g${call.goid})`;
  if (unwound === true) return `${head}  ended by a panic or Goexit  ${tail}`;
  if (call.inlined === true) return `${head}  inlined  ${tail}`;
  if (durationNs === undefined) return `${head}  …  ${tail}`;
  const result = formatResults(results ?? []);
  return `${head}${result === "" ? "" : ` = ${result}`}  ${formatDuration(durationNs)}  ${tail}`;
}

/** Milliseconds: a line must fit an output panel; the hover has the rest. */
function lineTime(ts: string): string {
  return clockTime(ts).slice(0, "22:10:03.123".length);
}

export function formatValues(values: readonly RenderedValue[]): string {
  return values.map(({ name, text }) => `${name}=${text}`).join(", ");
}

/** Unnamed results (`~r0`) stand without their made-up name. */
export function formatResults(results: readonly RenderedValue[]): string {
  const texts = results.map(({ name, text }) => (name.startsWith("~") ? text : `${name}=${text}`));
  return texts.length > 1 ? `(${texts.join(", ")})` : (texts[0] ?? "");
}
