/** How long it takes to attach and detach many functions of a large program that is busy, beside bpftrace. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createEngine, type FullEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { secretNames } from "../../src/goabi/secretNames.ts";
import type { GoBinary } from "../../src/gobinary/api.ts";
import { median, printTable } from "./table.ts";
import { hasBpftrace } from "./tracers.ts";
import { startWebServer, type WebServer, webServerName } from "./webServer.ts";

const COUNTS = [1, 10, 100, 1000, 10_000];
/** It attaches one by one, and takes minutes for more. */
const MOST_OF_BPFTRACE = 1000;
const PATIENCE_MS = 120_000;
const ROUNDS = 3;
/** Planning more takes longer than all the rest. */
const MOST_OFTEN = 100;
/** Seconds. */
interface Times {
  readonly attach: number;
  readonly detach: number;
}

export async function printManyProbes(): Promise<void> {
  const server = await startWebServer();
  const stopLoad = server.flood();
  const engine = createEngine();
  try {
    const names = await probable(engine, await engine.openProcess(newJob(), server.pid));
    // The helper starts and looks at the machine once.
    await traced(engine, server, names.slice(0, 1));
    const rows: string[][] = [];
    for (const count of COUNTS) {
      const chosen = names.slice(0, count);
      const own: Times[] = [];
      const other: Times[] = [];
      for (let round = 0; round < (count > MOST_OFTEN ? 1 : ROUNDS); round++) {
        own.push(await traced(engine, server, chosen));
        if (hasBpftrace() && count <= MOST_OF_BPFTRACE) other.push(await bpftraced(server, chosen));
      }
      rows.push([String(chosen.length), ...columns(own), ...columns(other)]);
      if (chosen.length < count) break;
    }
    printTable(
      `Attaching and detaching functions of ${webServerName()} under load (seconds; planned before)`,
      ["functions", "attach", "detach", "bpftrace: start to end of attaching", "bpftrace: detach"],
      rows,
    );
  } finally {
    stopLoad();
    await engine.dispose();
    await server.stop();
  }
}

function columns(times: readonly Times[]): [string, string] {
  if (times.length === 0) return ["", ""];
  return [seconds(times.map(({ attach }) => attach)), seconds(times.map(({ detach }) => detach))];
}

function seconds(times: readonly number[]): string {
  return times.some(Number.isNaN) ? `not within ${PATIENCE_MS / 1000}` : median(times).toFixed(3);
}

/** Names spread over the whole program that can be probed, and that bpftrace's language can say. */
async function probable(engine: FullEngine, binary: GoBinary): Promise<string[]> {
  const all = (await binary.functions()).filter(({ name }) => /^(?!runtime\.)[\w./]+$/.test(name));
  const step = Math.max(1, Math.floor(all.length / (2 * Math.max(...COUNTS))));
  const names = new Set<string>();
  for (let at = 0; at < all.length && names.size < Math.max(...COUNTS); at += step) {
    const fn = all[at]!;
    if ("fn" in (await engine.plan(binary, fn, secretNames([])))) names.add(fn.name);
  }
  return [...names];
}

async function traced(engine: FullEngine, { pid }: WebServer, functions: readonly string[]): Promise<Times> {
  let planned = 0;
  const trace = await engine.trace(
    newJob(),
    { target: { kind: "process", pid }, functions, returns: false, rate: 1, secretNames: [] },
    { onPlanned: () => void (planned = performance.now()), onEvents: () => {}, onEnd: () => {} },
  );
  const attached = performance.now();
  await trace.stop();
  return { attach: (attached - planned) / 1000, detach: (performance.now() - attached) / 1000 };
}

/** What BEGIN prints comes when every probe stands. */
async function bpftraced({ pid, binary }: WebServer, functions: readonly string[]): Promise<Times> {
  const places = functions.map((name) => `uprobe:${binary}:"${name}"`).join(",\n");
  const script = `BEGIN { printf("ready\\n"); } ${places} /pid == ${pid}/ { @ = count(); }`;
  const started = performance.now();
  const env = { ...process.env, BPFTRACE_MAX_PROBES: String(functions.length + 2) };
  const child = spawn("bpftrace", ["-e", script], { stdio: ["ignore", "pipe", "ignore"], env });
  const ended = once(child, "close");
  let text = "";
  const ready = new Promise<void>((resolve) =>
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes("ready")) resolve();
    }),
  );
  const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await Promise.race([ready, ended]);
  clearTimeout(patience);
  const attached = performance.now();
  // It does not hear a signal that comes while it starts.
  const again = setInterval(() => child.kill("SIGINT"), 100);
  await ended;
  clearInterval(again);
  if (!text.includes("ready")) return { attach: Number.NaN, detach: Number.NaN };
  return { attach: (attached - started) / 1000, detach: (performance.now() - attached) / 1000 };
}
