/** The hover of a traced function: how it fares and its last calls as a table, in Markdown. Pure. */
import type { RenderedValue } from "../../engine/api.ts";
import type { CallRecord } from "../traces/callHistory.ts";
import type { FunctionTrace } from "../traces/functionTrace.ts";
import { clockTime, codeSpan, formatCount, formatDuration, formatRate, markdownText, shorten } from "./format.ts";
import { isUnavailable } from "./lens.ts";

const MAX_CELL = 120;
/** A table with more columns is unreadable; further values stand in the log. */
const MAX_COLUMNS = 8;
/** Notices of the engine, the latest ones. */
const MAX_NOTICES = 3;

export function hoverText(trace: FunctionTrace): string {
  const { history, options, state } = trace;
  const lines = [
    `**Probelens** ${codeSpan(options.names[0] ?? options.label)} in ${markdownText(options.targetLabel)}`,
    "",
  ];
  if (options.names.length > 1) lines.push(`${options.names.length} instances are traced together\\.`, "");
  if (options.difference !== "") lines.push(`⚠ ${markdownText(options.difference)}`, "");
  if (trace.comparison !== "") lines.push(`Source: ${markdownText(trace.comparison)}`, "");
  lines.push(statusLine(trace), "");
  if (state.kind === "ended") lines.push(markdownText(state.message), "");
  for (const notice of trace.notices.slice(-MAX_NOTICES)) lines.push(`ⓘ ${markdownText(notice)}`, "");
  if (history.lastCalls.length > 0) lines.push(...callTable(history.lastCalls));
  return lines.join("\n");
}

function statusLine({ history, state, site }: FunctionTrace): string {
  if (state.kind === "attaching") return "Attaching…";
  const parts: string[] = [];
  if (history.calls === 0 && state.kind === "attached") {
    // Calls that were inlined and cannot be traced are told by a notice of the engine.
    parts.push("The probe is in place; no call so far.");
  } else {
    parts.push(formatCount(history.calls, "call"), formatRate(history.callsPerSecond));
  }
  const latency = history.percentiles();
  if (latency !== undefined) parts.push(`p50 ${formatDuration(latency.p50)}`, `p95 ${formatDuration(latency.p95)}`);
  if (history.throttled > 0)
    parts.push(`${formatCount(history.throttled, "call")} counted but not shown (limit of calls per second)`);
  if (history.dropped > 0) parts.push(`${formatCount(history.dropped, "call")} lost (no room in the buffer)`);
  if (site !== undefined) parts.push(`probe at ${site}`);
  return markdownText(parts.join(" · "));
}

interface Column {
  readonly name: string;
  readonly of: "args" | "results";
}

function callTable(records: readonly CallRecord[]): string[] {
  const args = columnsOf(records.map(({ call }) => call.args)).map((name): Column => ({ name, of: "args" }));
  const results = columnsOf(records.map((record) => record.results ?? [])).map(
    (name): Column => ({ name, of: "results" }),
  );
  const all = [...args, ...results];
  // A value that no call could give is said once, not in every row.
  const missing = all.filter((column) =>
    records.every((record) => isUnavailable(cellText(record, column) ?? "<unavailable: ")),
  );
  const shown = all.filter((column) => !missing.includes(column)).slice(0, MAX_COLUMNS);
  const header = ["time", ...shown.map(titleOf), "duration", "goroutine", "caller"];
  return [
    ...missing.flatMap((column) => {
      const text = records.map((record) => cellText(record, column)).find((cell) => cell !== undefined);
      return text === undefined ? [] : [`${codeSpan(titleOf(column))} ${codeSpan(text)}`, ""];
    }),
    // Hovers draw table cells without space between them.
    `| ${header.map((title) => `${markdownText(title)}&nbsp;&nbsp;`).join(" | ")} |`,
    `|${header.map(() => ":---").join("|")}|`,
    ...records.map((record) => {
      const values = shown.map((column) => codeSpan(shorten(cellText(record, column) ?? "", MAX_CELL)));
      return `| ${[clockTime(record.call.ts), ...values, durationOf(record), String(record.call.goid), callerOf(record)].join(" | ")} |`;
    }),
  ];
}

function titleOf({ name, of }: Column): string {
  if (of === "args") return name;
  return name === "~r0" ? "result" : name.replace(/^~r(\d+)$/, (_, index: string) => `result ${Number(index) + 1}`);
}

function cellText(record: CallRecord, { name, of }: Column): string | undefined {
  const values: readonly RenderedValue[] = of === "args" ? record.call.args : (record.results ?? []);
  return values.find((value) => value.name === name)?.text;
}

function columnsOf(lists: readonly (readonly RenderedValue[])[]): string[] {
  return [...new Set(lists.flatMap((list) => list.map(({ name }) => name)))];
}

function durationOf({ call, durationNs, unwound }: CallRecord): string {
  if (unwound === true) return "panic";
  if (call.inlined === true) return "inlined";
  return durationNs === undefined ? "…" : formatDuration(durationNs);
}

function callerOf({ call }: CallRecord): string {
  if (call.caller === undefined) return "";
  return codeSpan(call.callerLine === undefined ? call.caller : `${call.caller}:${call.callerLine}`);
}
