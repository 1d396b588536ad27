/** The commands' options: what the parser accepts and what the help shows, in one table. */

import { PID_MAX } from "../engine/processes/procfs.ts";
import { MAX_BUDGET, MIN_BUDGET } from "../protocol/budget.ts";
import { MAX_CAPTURE_DEPTH, MAX_EVENT_BYTES } from "../protocol/capture.ts";
import type { CommandSpec, OptionSpec } from "./options.ts";

/** Below the limit of Node's timers (2^31 milliseconds). */
const MAX_DURATION_S = 2_000_000;
const MAX_EXPIRE_MIN = Math.floor(MAX_DURATION_S / 60);
const MAX_RATE = 1_000_000_000;

const PID: OptionSpec = {
  name: "--pid",
  kind: "integer",
  min: 1,
  max: PID_MAX,
  value: "PID",
  help: "a running process (a thread's id means its process)",
};
const JSON_FLAG: OptionSpec = { name: "--json", kind: "flag", help: "one JSON object per line" };
const SOURCE: OptionSpec = {
  name: "--source",
  kind: "text",
  value: "DIR",
  help: "where the Go source of a binary without debug information lies",
};

function binary(help: string): OptionSpec {
  return { name: "--binary", kind: "text", value: "FILE", help };
}

export const COMMANDS = {
  targets: { name: "targets", options: [JSON_FLAG], positionals: [] },
  list: {
    name: "list",
    options: [PID, binary("a program file"), SOURCE, JSON_FLAG],
    positionals: ["[PATTERN]"],
  },
  trace: {
    name: "trace",
    options: [
      PID,
      binary("all processes that run this program, now and later"),
      { name: "--returns", kind: "flag", help: "also results, durations, and calls that end by panic" },
      { name: "--stack", kind: "flag", help: "the stack of each call, the caller first" },
      { name: "--labels", kind: "flag", help: "the goroutine's pprof labels (a request's id) with each call" },
      { name: "--limit", kind: "integer", min: 1, max: Number.MAX_SAFE_INTEGER, value: "N", help: "end after N calls" },
      {
        name: "--duration",
        kind: "number",
        min: 0.001,
        max: MAX_DURATION_S,
        value: "SEC",
        help: "end after SEC seconds",
      },
      {
        name: "--rate",
        kind: "integer",
        min: 1,
        max: MAX_RATE,
        suffix: "/s",
        value: "N/s",
        help: "at most N events per second and function; the rest is counted",
      },
      {
        name: "--max-bytes",
        kind: "integer",
        min: 1,
        max: MAX_EVENT_BYTES,
        value: "N",
        help: "bytes shown of a string or byte slice (256)",
      },
      {
        name: "--depth",
        kind: "integer",
        min: 0,
        max: MAX_CAPTURE_DEPTH,
        value: "N",
        help: "pointers followed in a chain (3)",
      },
      { name: "--values", kind: "flag", help: "with each argument and result its value as a tree (jsonl)" },
      {
        name: "--floats",
        kind: "choice",
        choices: ["signal", "off"],
        value: "signal|off",
        help: "how values in float registers are read: by a SIGURG to the calling thread (signal), or not",
      },
      {
        name: "--fault-in",
        kind: "flag",
        help: "wait for memory that is not resident, as the call itself would on reading it (Linux 6.0)",
      },
      {
        name: "--format",
        kind: "choice",
        choices: ["text", "jsonl"],
        value: "text|jsonl",
        help: "how events are written (text)",
      },
      {
        name: "--output",
        kind: "text",
        value: "FILE",
        help: "write events to FILE (mode 0600, replaced) instead of stdout",
      },
      {
        name: "--where",
        kind: "text",
        value: "EXPR",
        help: "only calls for which a Go expression holds, such as 'n > 10 && u.Name == \"bob\"'",
      },
      {
        name: "--secret",
        kind: "names",
        value: "NAME,...",
        help: "more names whose values are never shown, beside password, token, ...; whole words, in any case",
      },
      {
        name: "--budget",
        kind: "number",
        min: MIN_BUDGET,
        max: MAX_BUDGET,
        words: ["off"],
        value: "PERCENT|off",
        help: "what tracing may cost a process, percent of one core (5); probes that cost more are removed",
      },
      {
        name: "--expire",
        kind: "number",
        min: 0.01,
        max: MAX_EXPIRE_MIN,
        words: ["off"],
        value: "MIN|off",
        help: "the trace ends by itself after MIN minutes (60); a longer --duration extends it",
      },
      SOURCE,
    ],
    positionals: ["FUNC|FILE:LINE..."],
    takesCommand: true,
  },
  inspect: {
    name: "inspect",
    options: [PID, binary("a program file"), SOURCE, JSON_FLAG],
    positionals: ["FUNC"],
  },
  doctor: { name: "doctor", options: [], positionals: [] },
} as const satisfies Record<string, CommandSpec>;
