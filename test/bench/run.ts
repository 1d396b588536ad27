/**
 * `npm run bench`: what tracing costs the target, what the helper can forward, and how soon the first probe stands,
 * side by side in one run. Machines differ and are noisy: the ratios count, each a median over interleaved rounds.
 */
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { printAttachTime } from "./attach.ts";
import { printLookup } from "./cold.ts";
import { printCosts } from "./costs.ts";
import { printEvents } from "./events.ts";
import { printForwarding } from "./forward.ts";
import { printHistory } from "./history.ts";
import { printLensTime } from "./lens.ts";
import { printManyProbes } from "./manyProbes.ts";
import { delve, realBinary } from "./realBinary.ts";
import { median, printTable } from "./table.ts";
import { buildTarget, startTarget } from "./target.ts";
import { bpftrace, hasBpftrace, probelens, type Tracer, untraced } from "./tracers.ts";
import { printTypes } from "./types.ts";
import { printWeb } from "./web.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const CALLS = Number(process.env["BENCH_CALLS"] ?? 200_000);

/** Each prints one table; names given on the command line choose some: `npm run bench -- lookup lens`. */
const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  cost: printTargetCost,
  costs: printCosts,
  forward: () => printForwarding(binary),
  events: () => printEvents(binary),
  history: () => printHistory(binary),
  attach: async () => {
    await printAttachTime(dirname(binary));
    await printManyProbes();
  },
  web: printWeb,
  lookup: () => {
    const real = realBinary();
    printLookup(real ?? binary, real === undefined ? "main.nine" : "fmt.Fprintf", delve);
    return Promise.resolve();
  },
  types: async () => {
    const real = realBinary();
    if (real === undefined) console.error("bench: no large program is here (BENCH_BINARY); the start is left out");
    else await printTypes(real);
  },
  lens: () => printLensTime(dirname(binary), realBinary()),
};

const chosen = process.argv.slice(2);
for (const name of chosen)
  if (!Object.hasOwn(SECTIONS, name))
    throw new Error(`bench: there is no part ${name}; there are ${Object.keys(SECTIONS).join(", ")}`);
const binary = buildTarget("loop");
try {
  for (const [name, print] of Object.entries(SECTIONS)) if (chosen.length === 0 || chosen.includes(name)) await print();
} finally {
  rmSync(dirname(binary), { recursive: true });
}

async function printTargetCost(): Promise<void> {
  const tracers: Tracer[] = [
    untraced,
    probelens("Probelens, nine arguments", []),
    probelens("Probelens, and returns", ["--returns"]),
  ];
  if (hasBpftrace()) {
    tracers.push(bpftrace("bpftrace, count only", "@ = count();"));
    tracers.push(bpftrace("bpftrace, prints two arguments", 'printf("%d %d\\n", reg("ax"), reg("bx"));'));
  } else console.error("bench: bpftrace is not installed here; its rows are left out");

  const samples = new Map(
    tracers.map((tracer) => [tracer, [] as { ns: number; calls: number; dropped: number; cpuNs: number }[]]),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const tracer of tracers) samples.get(tracer)!.push(await measure(tracer));
  }

  const nsOf = (tracer: Tracer) => median(samples.get(tracer)!.map((sample) => sample.ns));
  const base = nsOf(untraced);
  const reference = tracers.find((tracer) => tracer.name.startsWith("bpftrace, count"));
  printTable(
    `Cost to the target of one traced call of main.nine (${CALLS} calls a round, median of ${ROUNDS} rounds)`,
    [
      "",
      "ns a call",
      "added ns",
      "against bpftrace count",
      "calls seen too many or few",
      "dropped",
      "tracer CPU ns a call",
    ],
    tracers.map((tracer) => {
      const own = samples.get(tracer)!;
      const added = nsOf(tracer) - base;
      const isTraced = tracer !== untraced;
      return [
        tracer.name,
        nsOf(tracer).toFixed(0),
        isTraced ? added.toFixed(0) : "",
        isTraced && reference !== undefined ? `× ${(added / (nsOf(reference) - base)).toFixed(2)}` : "",
        isTraced ? own.map((sample) => sample.calls - CALLS).join(" ") : "",
        isTraced ? String(own.reduce((sum, sample) => sum + sample.dropped, 0)) : "",
        isTraced && !Number.isNaN(own[0]!.cpuNs) ? median(own.map((sample) => sample.cpuNs)).toFixed(0) : "",
      ];
    }),
  );
}

async function measure(tracer: Tracer): Promise<{ ns: number; calls: number; dropped: number; cpuNs: number }> {
  const target = await startTarget(binary);
  try {
    await target.run(1_000);
    const attached = await tracer.attach(target);
    const ns = await target.run(CALLS);
    const { calls, dropped, cpuSeconds } = await attached.detach();
    return { ns, calls, dropped, cpuNs: cpuSeconds === undefined ? Number.NaN : (cpuSeconds * 1e9) / CALLS };
  } finally {
    await target.stop();
  }
}
