/** Short texts for people: durations, rates, counts, captured values in places that interpret markup. Pure. */

/** Three significant digits: `850 ns`, `5.12 µs`, `3 ms`, `1.5 s`. */
export function formatDuration(ns: number): string {
  const units: readonly [string, number][] = [
    ["s", 1e9],
    ["ms", 1e6],
    ["µs", 1e3],
  ];
  // A value that would be rounded up to 1000 belongs to the next unit.
  for (const [unit, size] of units) if (ns >= size * 0.9995) return `${significant(ns / size)} ${unit}`;
  return `${Math.round(ns)} ns`;
}

/** `412/s`, `0.5/s`, `12.3k/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond >= 9_999.5) return `${significant(perSecond / 1000)}k/s`;
  return perSecond >= 9.95
    ? `${Math.round(perSecond)}/s`
    : `${Math.max(perSecond, 0.1).toFixed(1).replace(/\.0$/, "")}/s`;
}

/** `12 345`. */
export function formatNumber(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** `1 call`, `12 345 calls`. */
export function formatCount(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `<0.1 %`, `1.2 %`, `93 %`. */
export function formatShare(percent: number): string {
  if (percent < 0.095) return percent > 0 ? "<0.1 %" : "0 %";
  return `${percent < 9.95 ? percent.toFixed(1).replace(/\.0$/, "") : formatNumber(Math.round(percent))} %`;
}

/** Cut to `max` UTF-16 units, never inside a surrogate pair. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  const cut = text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "");
  return `${cut}…`;
}

/**
 * Captured text for a lens title or status bar item, where `$(name)` would become an icon
 * (VS Code's iconLabels.ts: a backslash before it keeps it text).
 */
export function plainLabel(text: string): string {
  return oneLine(text).replaceAll("$(", "\\$(");
}

/** Captured text as a Markdown code span inside a table cell: nothing in it can end the span or the cell. */
export function codeSpan(text: string): string {
  const line = oneLine(text);
  if (line === "") return "";
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = line.startsWith("`") || line.endsWith("`") ? " " : "";
  return `${fence}${pad}${line.replaceAll("|", "\\|")}${pad}${fence}`;
}

/** Captured text as a Go code block, by lines: nothing in it can end the block. */
export function codeBlock(lines: readonly string[]): string[] {
  const plain = lines.map(oneLine);
  const longest = Math.max(2, ...[...plain.join("\n").matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return [`${fence}go`, ...plain, fence];
}

/** Words of ours or names of files in Markdown text. */
export function markdownText(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]()#+\-.!|<>~$&]/g, "\\$&");
}

/** `22:10:03.123456` of the local day; `ts` is RFC 3339 with nanoseconds in UTC. */
export function clockTime(ts: string): string {
  const date = new Date(ts);
  if (Number.isNaN(date.getTime())) return ts;
  const two = (n: number): string => String(n).padStart(2, "0");
  const fraction = /\.(\d{1,6})/.exec(ts)?.[1]?.padEnd(6, "0") ?? "000000";
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${fraction}`;
}

/** Control characters and the bidirectional ones, with which text could pose as something else, become escapes. */
function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

function significant(value: number): string {
  if (value >= 99.95) return String(Math.round(value));
  return (value >= 9.995 ? value.toFixed(1) : value.toFixed(2)).replace(/\.?0+$/, "");
}
