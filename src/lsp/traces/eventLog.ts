/** Calls as lines for an output channel: one line per call, when it returns; bounded per message, the rest counted. */
import type { RenderedValue } from "../../engine/api.ts";
import { shortTexts } from "../../value/shortText.ts";
import { clockTime, formatDuration } from "../views/format.ts";
import { callValues, packageOf, withoutPath } from "../views/values.ts";
import type { CallRecord } from "./callHistory.ts";

/** Lines of one message; with 4 messages a second that is as fast as text can scroll. */
export const MAX_LINES_PER_MESSAGE = 100;
/** A call that runs longer than this is shown as running, and its return gets a line of its own. */
const SHOW_RUNNING_AFTER_MS = 1_000;
/** Calls that wait for their return. */
const MAX_WAITING = 2_048;
/** All values of a line; longer ones are shortened. */
const MAX_COLUMNS = 400;

/** A line that is written when it is taken: of most calls in a flood nobody ever reads one. */
interface Line {
  readonly record: CallRecord;
  readonly as: "running" | "ended" | "ended, shown before";
}

export class EventLog {
  private readonly waiting = new Map<CallRecord, number>();
  private readonly running = new WeakSet<CallRecord>();
  private lines: Line[] = [];
  private skipped = 0;

  started(record: CallRecord, nowMs: number): void {
    if (record.call.inlined === true || record.endUnknown === true) {
      this.push({ record, as: "ended" });
      return;
    }
    this.waiting.set(record, nowMs);
    if (this.waiting.size <= MAX_WAITING) return;
    const oldest = this.waiting.keys().next().value;
    if (oldest !== undefined) this.showRunning(oldest);
  }

  ended(record: CallRecord): void {
    this.waiting.delete(record);
    this.push({ record, as: this.running.has(record) ? "ended, shown before" : "ended" });
  }

  /** What is new since the last call of `take`. */
  take(nowMs: number): { readonly lines: readonly string[]; readonly skipped: number } {
    for (const [record, since] of this.waiting) {
      // Insertion order is time order: the first young one ends the walk.
      if (nowMs - since < SHOW_RUNNING_AFTER_MS) break;
      this.showRunning(record);
    }
    const taken = { lines: this.lines.map(written), skipped: this.skipped };
    this.lines = [];
    this.skipped = 0;
    return taken;
  }

  /** Tracing ended: calls that still run are shown as such. */
  close(belongs: (record: CallRecord) => boolean): void {
    for (const record of [...this.waiting.keys()].filter(belongs)) this.showRunning(record);
  }

  private showRunning(record: CallRecord): void {
    this.waiting.delete(record);
    this.running.add(record);
    this.push({ record, as: "running" });
  }

  private push(line: Line): void {
    this.lines.push(line);
    if (this.lines.length <= MAX_LINES_PER_MESSAGE) return;
    // The newest lines are the interesting ones.
    this.lines.shift();
    this.skipped += 1;
  }
}

function written({ record, as }: Line): string {
  if (as === "running") return formatCall({ call: record.call });
  return as === "ended" ? formatCall(record) : `${formatCall(record)} (call shown above)`;
}

/** `22:10:03.123  main.computeE(iterations=1000) = 2.718  5.12 µs  (pid 42, g18)`. */
export function formatCall({ call, results = [], durationNs, unwound, endUnknown }: CallRecord): string {
  const texts = boundedTexts({ call, results });
  const args = call.args.map(({ name }, index) => `${name}=${texts[index]}`).join(", ");
  const head = `${lineTime(call.ts)}  ${withoutPath(call.func)}(${args})`;
  const tail = `(pid ${call.pid}, g${call.goid})`;
  if (unwound === true) return `${head}  ended by a panic or Goexit  ${tail}`;
  if (call.inlined === true) return `${head}  inlined  ${tail}`;
  if (endUnknown === true) return `${head}  end not traced  ${tail}`;
  if (durationNs === undefined) return `${head}  …  ${tail}`;
  const result = formatResults(
    results.map(({ name }, index) => ({ name, text: texts[call.args.length + index] ?? "" })),
  );
  return `${head}${result === "" ? "" : ` = ${result}`}  ${formatDuration(durationNs)}  ${tail}`;
}

export function formatNotice(text: string): string {
  return `${lineTime(new Date().toISOString())}  ${text}`;
}

/** Milliseconds: a line must fit an output panel; the hover has the rest. */
function lineTime(ts: string): string {
  return clockTime(ts).slice(0, "22:10:03.123".length);
}

function boundedTexts({ call, results = [] }: CallRecord): string[] {
  const texts = [...call.args, ...results].map(({ text }) => text);
  if (texts.reduce((sum, text) => sum + text.length, 0) <= MAX_COLUMNS) return texts;
  return shortTexts(callValues({ call, results }), MAX_COLUMNS, 0, packageOf(call.func));
}

/** Unnamed results (`~r0`) stand without their made-up name. */
export function formatResults(results: readonly Pick<RenderedValue, "name" | "text">[]): string {
  const texts = results.map(({ name, text }) => (name.startsWith("~") ? text : `${name}=${text}`));
  return texts.length > 1 ? `(${texts.join(", ")})` : (texts[0] ?? "");
}
