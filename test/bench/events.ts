/**
 * How many events a second go through, from the call to where they end up, with nothing lost: as JSON lines in a file, in
 * the language server's history, and what decoding and rendering take of that. Calls come in bursts that the ring buffer
 * holds, at full speed; the time of a burst ends with its last event. CPU time is the better figure on a machine that
 * does other things as well.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CallEvent, Engine, TraceEvent } from "../../src/engine/api.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { startEngineThread } from "../../src/lsp/thread/engineThread.ts";
import { NOTHING_SEEN, type TraceView } from "../../src/lsp/traces/traceView.ts";
import { unbounded } from "../unbounded.ts";
import { median, printTable } from "./table.ts";
import { startTarget, type Target } from "./target.ts";
import { cpuSecondsOf, textUntil } from "./tracers.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
/** Records of three integers, 160 bytes each, that the ring buffer's 8 MiB hold, with room. */
const BURST = 40_000;
const BURSTS = 8;
const FUNCTION = "three";
/** More often than an editor, which looks four times a second, so that a burst's end is seen soon. */
const LOOK_MS = 10;

interface Sink {
  readonly name: string;
  start(target: Target): Promise<Running>;
}
interface Running {
  /** Resolves when so many calls in all have come where they end up. */
  until(calls: number): Promise<void>;
  /** CPU time so far of whoever takes the events, seconds. */
  cpuSeconds(): number;
  /** Calls that were lost. */
  stop(): Promise<number>;
}

export async function printEvents(binary: string): Promise<void> {
  const sinks = [jsonLines, history, decoding("decoded", false), decoding("decoded and rendered", true)];
  const rows = new Map(sinks.map((sink) => [sink, [] as { perSecond: number; cpuNs: number; lost: number }[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const sink of sinks) rows.get(sink)!.push(await measure(sink, binary));
  printTable(
    `Events from end to end: calls of a function with three integers, in bursts of ${BURST} at full speed (median of ${ROUNDS} rounds of ${BURSTS} bursts)`,
    ["", "events a second", "lost", "CPU ns an event", "a second on one core"],
    sinks.map((sink) => {
      const own = rows.get(sink)!;
      const cpuNs = median(own.map((row) => row.cpuNs));
      return [
        sink.name,
        median(own.map(({ perSecond }) => perSecond)).toFixed(0),
        String(own.reduce((sum, { lost }) => sum + lost, 0)),
        cpuNs.toFixed(0),
        (1e9 / cpuNs).toFixed(0),
      ];
    }),
  );
}

async function measure(sink: Sink, binary: string): Promise<{ perSecond: number; cpuNs: number; lost: number }> {
  const target = await startTarget(binary);
  try {
    const running = await sink.start(target);
    // The first burst warms up what is compiled while it runs.
    await target.run(BURST, FUNCTION);
    await running.until(BURST);
    const cpu = running.cpuSeconds();
    const rates: number[] = [];
    for (let burst = 1; burst <= BURSTS; burst++) {
      const start = performance.now();
      await target.run(BURST, FUNCTION);
      await running.until((burst + 1) * BURST);
      rates.push((BURST * 1000) / (performance.now() - start));
    }
    const cpuNs = ((running.cpuSeconds() - cpu) * 1e9) / (BURSTS * BURST);
    return { perSecond: median(rates), cpuNs, lost: await running.stop() };
  } finally {
    await target.stop();
  }
}

/** `probelens trace --format jsonl --output FILE`; its CPU time is the command line's, without the helper's. */
const jsonLines: Sink = {
  name: "command line: JSON lines in a file",
  async start(target) {
    const output = join(dirname(target.binary), "events.jsonl");
    const words = ["trace", `main.${FUNCTION}`, "--pid", String(target.pid), "--format", "jsonl", "--output", output];
    const child = spawn(process.execPath, unbounded([CLI, ...words]), { stdio: ["ignore", "ignore", "pipe"] });
    await textUntil(child, child.stderr, /attached/i);
    const file = openSync(output, "r");
    const chunk = Buffer.alloc(1 << 20);
    let lines = 0;
    return {
      async until(calls) {
        while (lines < calls) {
          const length = readSync(file, chunk);
          for (let at = chunk.indexOf(10); at >= 0 && at < length; at = chunk.indexOf(10, at + 1)) lines += 1;
          if (length === 0) await pause();
        }
      },
      cpuSeconds: () => cpuSecondsOf(child.pid ?? 0),
      async stop() {
        child.kill("SIGINT");
        await once(child, "close");
        closeSync(file);
        const { dropped } = JSON.parse(readFileSync(output, "utf8").trimEnd().split("\n").at(-1) ?? "{}");
        return dropped;
      },
    };
  },
};

/** The engine's thread as in the editor, and this one looking at it. */
const history: Sink = {
  name: "language server: into history",
  async start({ pid }) {
    const engine = startEngineThread(() => Promise.resolve(undefined));
    let view: TraceView = NOTHING_SEEN;
    const onView = (seen: TraceView): void => void (view = seen);
    const trace = await engine.trace(newJob(), request(pid), { onView, onRemoved() {}, onEnd() {} });
    return {
      async until(calls) {
        // The argument counts the calls of each burst.
        while (view.calls < calls || view.shown?.args[0]?.text !== String(BURST - 1)) {
          await pause(LOOK_MS);
          await engine.look();
        }
      },
      cpuSeconds: ownCpuSeconds,
      async stop() {
        await trace.stop();
        await engine.dispose();
        return view.dropped;
      },
    };
  },
};

/** The engine in this process, and a reader who takes events only, or the text of each value. */
function decoding(name: string, render: boolean): Sink {
  return {
    name: `engine alone: ${name}`,
    async start({ pid }) {
      const engine: Engine = createEngine();
      const seen = { calls: 0, characters: 0, dropped: 0 };
      const onEvents = (events: readonly TraceEvent[]): void => {
        seen.calls += events.length;
        if (render) for (const event of events) seen.characters += textLength(event as CallEvent);
      };
      const trace = await engine.trace(
        newJob(),
        { ...request(pid), late: true },
        {
          onEvents,
          onEnd: (_, stats) => {
            seen.dropped = stats.reduce((sum, { dropped }) => sum + dropped, 0);
          },
        },
      );
      return {
        async until(wanted) {
          while (seen.calls < wanted) await pause();
        },
        cpuSeconds: ownCpuSeconds,
        async stop() {
          await trace.stop();
          await engine.dispose();
          if (render && seen.characters === 0) throw new Error("bench: nothing was rendered");
          return seen.dropped;
        },
      };
    },
  };
}

function request(pid: number) {
  return {
    target: { kind: "process", pid } as const,
    functions: [`main.${FUNCTION}`],
    returns: false,
    secretNames: [],
  };
}

function textLength({ args }: CallEvent): number {
  return args.reduce((sum, { text }) => sum + text.length, 0);
}

function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function pause(ms = 5): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
