/** What a trace's start takes in a large program, by what its values can lead to: see CaptureTypes. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median, printTable } from "./table.ts";
import { textUntil } from "./tracers.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const ROUNDS = 5;

/** Each of them is in every program with a web server. */
const FUNCTIONS = [
  ["strconv.FormatInt", "neither interfaces nor funcs"],
  ["fmt.Fprintf", "interfaces: any of the program's types"],
  ["net/http.HandlerFunc.ServeHTTP", "a func: and what closures have captured"],
] as const;

interface Start {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/** `binary`: with DWARF; no process needs to run it. */
export async function printTypes(binary: string): Promise<void> {
  const samples = new Map(FUNCTIONS.map(([fn]) => [fn, [] as Start[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [fn] of FUNCTIONS) samples.get(fn)!.push(await startOf(fn, binary));
  const of = (fn: (typeof FUNCTIONS)[number][0], what: keyof Start) => median(samples.get(fn)!.map((own) => own[what]));
  const row = (fn: (typeof FUNCTIONS)[number][0], what: keyof Start, digits: number) => {
    const beyond = of(fn, what) - of(FUNCTIONS[0][0], what);
    return [of(fn, what).toFixed(digits), fn === FUNCTIONS[0][0] ? "" : beyond.toFixed(digits)];
  };
  printTable(
    `From starting \`probelens trace FUNC --binary ${binary.split("/").at(-1)}\` to its probes standing (median of ${ROUNDS})`,
    ["values lead to", "seconds", "beyond the first", "CPU seconds", "beyond", "peak MiB", "beyond"],
    FUNCTIONS.map(([fn, leads]) => [
      `\`${fn}\`: ${leads}`,
      ...row(fn, "seconds", 2),
      ...row(fn, "cpuSeconds", 2),
      ...row(fn, "peakMiB", 0),
    ]),
  );
}

/** Of the command line's own process, which reads the program and makes the tables. */
async function startOf(fn: string, binary: string): Promise<Start> {
  const start = performance.now();
  const child = spawn(process.execPath, [CLI, "trace", fn, "--binary", binary], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await textUntil(child, child.stderr, /attached/);
  const seconds = (performance.now() - start) / 1000;
  child.stderr.resume();
  const [, peak = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8")) ?? [];
  // utime and stime, in USER_HZ (100 a second on every Linux): proc(5).
  const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const closed = once(child, "close");
  child.kill("SIGINT");
  await closed;
  return { seconds, cpuSeconds: (Number(stat[11]) + Number(stat[12])) / 100, peakMiB: Number(peak) / 1024 };
}
