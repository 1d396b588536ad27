/** The newest call whole, and the last ones as a table, in Markdown. Pure. */
import { fairShare, shortText } from "../../value/shortText.ts";
import { treeText } from "../../value/treeText.ts";
import type { CallRecord } from "../traces/callHistory.ts";
import { clockTime, codeBlock, codeSpan, formatDuration, markdownText } from "./format.ts";
import { type CallValue, callValues, packageOf, saysNothing, withoutPath } from "./values.ts";

/** Columns of all values of a row: hovers are narrow. */
const ROW_COLUMNS = 66;
const MIN_CELL = 12;
const MAX_CELL = 40;
/** Of a receiver or a context. */
const ASIDE_CELL = 16;
/** A table with more values is unreadable; further ones stand in the whole call and in the log. */
const MAX_VALUES = 6;
/** The whole call: lines of one value, and of all. */
const TREE = { columns: 80, lines: 16 };
const MAX_TREE_LINES = 30;

interface Column {
  readonly title: string;
  readonly aside: boolean;
  /** One for each row. */
  readonly values: readonly (CallValue | undefined)[];
}

/** Newest first; empty where there are none. The newest call that has ended stands above the table, whole. */
export function callTable(records: readonly CallRecord[]): string {
  const [newest] = records;
  if (newest === undefined) return "";
  const whole = records.find(({ durationNs, unwound }) => durationNs !== undefined || unwound === true) ?? newest;
  const rows = records.map(valuesOf);
  const columns = [...new Map(rows.flatMap((values) => [...values]).map(([title, { aside }]) => [title, aside]))]
    .map(([title, aside]): Column => ({ title, aside, values: rows.map((values) => values.get(title)) }))
    // What no call could give stands in the whole call, with its reason; a receiver of which a few columns say nothing
    // would only take the room of the others.
    .filter((column) => column.values.some(isKnown) && (!column.aside || cells(column, records, ASIDE_CELL).some(says)))
    .slice(0, MAX_VALUES);
  const wanted = columns.map((column) =>
    Math.max(...cells(column, records, mostOf(column)).map(({ length }) => length)),
  );
  const share = Math.max(MIN_CELL, fairShare(wanted, ROW_COLUMNS));
  const shown = columns.map((column) => cells(column, records, Math.min(share, mostOf(column))));
  const header = ["time", ...columns.map(({ title }) => title), "duration", "goroutine", "caller"];
  return [
    ...wholeCall(whole),
    "",
    // Hovers draw table cells without space between them.
    `| ${header.map((title) => `${markdownText(title)}&nbsp;&nbsp;`).join(" | ")} |`,
    `|${header.map(() => ":---").join("|")}|`,
    ...records.map((record, row) => {
      const values = shown.map((column) => codeSpan(column[row] ?? ""));
      return `| ${[clockTime(record.call.ts), ...values, durationOf(record), String(record.call.goid), callerOf(record)].join(" | ")} |`;
    }),
  ].join("\n");
}

/** Of a record, by the column's title. */
function valuesOf(record: CallRecord): Map<string, CallValue> {
  const count = record.call.args.length;
  return new Map(
    callValues(record).map((value, index) => [index < count ? value.name : resultTitle(value.name), value]),
  );
}

function isKnown(value: CallValue | undefined): boolean {
  return value !== undefined && value.value.unavailable === undefined;
}

function mostOf({ aside }: Column): number {
  return aside ? ASIDE_CELL : MAX_CELL;
}

function cells({ values }: Column, records: readonly CallRecord[], columns: number): string[] {
  return values.map((value, row) =>
    value === undefined ? "" : shortText(value.value, columns, packageOf(records[row]?.call.func ?? "")),
  );
}

function says(cell: string): boolean {
  return cell !== "" && !saysNothing(cell);
}

function wholeCall(record: CallRecord): string[] {
  const { call, unwound } = record;
  const count = call.args.length;
  const texts = callValues(record).map(({ name, value, aside }, index) => {
    const title = `${index < count ? name : `→ ${resultTitle(name)}`} = `;
    return aside ? `${title}${shortText(value, TREE.columns - title.length)}` : treeText(title, value, TREE);
  });
  if (unwound === true) texts.push("→ ended by a panic or Goexit");
  if (texts.length === 0) return [];
  const lines = texts.join("\n").split("\n");
  return codeBlock(lines.length > MAX_TREE_LINES ? [...lines.slice(0, MAX_TREE_LINES), "…"] : lines);
}

function resultTitle(name: string): string {
  return name === "~r0" ? "result" : name.replace(/^~r(\d+)$/, (_, index: string) => `result ${Number(index) + 1}`);
}

function durationOf({ call, durationNs, unwound, endUnknown }: CallRecord): string {
  if (unwound === true) return "panic";
  if (call.inlined === true) return "inlined";
  if (endUnknown === true && durationNs === undefined) return "not traced";
  return durationNs === undefined ? "…" : formatDuration(durationNs);
}

function callerOf({ call }: CallRecord): string {
  if (call.caller === undefined) return "";
  // The package's path would take the room of the values.
  const caller = withoutPath(call.caller);
  return codeSpan(call.callerLine === undefined ? caller : `${caller}:${call.callerLine}`);
}
