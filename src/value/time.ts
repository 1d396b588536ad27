/** time.Duration as its String(), time.Time as RFC 3339 with nanoseconds in UTC (package time: Duration.String, RFC3339Nano). */

export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const value = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (value < 1_000n) return `${sign}${value}ns`;
  if (value < 1_000_000n) return `${sign}${withFraction(value, 1_000n, 3)}µs`;
  if (value < 1_000_000_000n) return `${sign}${withFraction(value, 1_000_000n, 6)}ms`;
  const minutes = value / 60_000_000_000n;
  const seconds = `${withFraction(value % 60_000_000_000n, 1_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** The words of a time.Time; undefined where they are no time that package time could have made. */
export function formatTime(wall: bigint, ext: bigint): string | undefined {
  const nanoseconds = wall & 0x3fffffffn;
  if (nanoseconds >= 1_000_000_000n) return undefined;
  const hasMonotonic = wall >> 63n === 1n;
  // time.Time: with a monotonic reading, 33 bits of seconds since 1885 stand in wall; else all seconds since year 1 in ext.
  const unix = hasMonotonic ? ((wall >> 30n) & 0x1ffffffffn) - UNIX_FROM_1885 : ext - UNIX_FROM_YEAR_1;
  if (!hasMonotonic && wall >> 30n !== 0n) return undefined;
  // The calendar repeats, weeks and all, after 400 years: a Date holds only 270 000 of them.
  const cycles = unix / CYCLE_SECONDS;
  const date = new Date(Number(unix - cycles * CYCLE_SECONDS) * 1000);
  const fraction = nanoseconds === 0n ? "" : `.${String(nanoseconds).padStart(9, "0").replace(/0+$/, "")}`;
  const year = date.getUTCFullYear() + Number(cycles) * CYCLE_YEARS;
  const yearText = `${year < 0 ? "-" : ""}${pad(Math.abs(year), 4)}`;
  const day = `${yearText}-${pad(date.getUTCMonth() + 1, 2)}-${pad(date.getUTCDate(), 2)}`;
  const clock = `${pad(date.getUTCHours(), 2)}:${pad(date.getUTCMinutes(), 2)}:${pad(date.getUTCSeconds(), 2)}`;
  return `${day}T${clock}${fraction}Z`;
}

/** Seconds from 1885-01-01 and 0001-01-01 to 1970-01-01. */
const UNIX_FROM_1885 = 2_682_288_000n;
const UNIX_FROM_YEAR_1 = 62_135_596_800n;
const CYCLE_YEARS = 400;
/** 146 097 days. */
const CYCLE_SECONDS = 12_622_780_800n;

function withFraction(value: bigint, unit: bigint, digits: number): string {
  const fraction = String(value % unit)
    .padStart(digits, "0")
    .replace(/0+$/, "");
  return fraction === "" ? String(value / unit) : `${value / unit}.${fraction}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, "0");
}
