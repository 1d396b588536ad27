/**
 * What one traced call costs the target, by the kind of its argument: the program of each row on one function, side by
 * side with bpftrace where it can show the same, and with an empty program on the same instructions (the floor: the trap
 * alone). Where there are few processors, what reads the events costs the target something, too; the rows that say so
 * are without it.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildNative } from "../kernels/nativeProgram.ts";
import { median, printTable } from "./table.ts";
import { buildTarget, startTarget } from "./target.ts";
import { bpftrace, floorAt, hasBpftrace, probelens, type Tracer, untraced } from "./tracers.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 5);
const CALLS = 20_000;
interface Kind {
  readonly what: string;
  readonly func: string;
  readonly parameter: string;
  /** A condition that no call passes. */
  readonly rejects?: string;
  /** What bpftrace prints the same with; absent where it cannot. */
  readonly prints?: string;
}

const KINDS: readonly Kind[] = [
  {
    what: "an integer",
    func: "number",
    parameter: "n",
    rejects: "n < 0",
    prints: 'printf("%d\\n", reg("ax"));',
  },
  {
    what: "a string",
    func: "text",
    parameter: "s",
    rejects: 's == "none"',
    prints: 'printf("%s\\n", str(reg("ax"), reg("bx")));',
  },
  { what: "a struct of ten fields, two of them pointers", func: "fields", parameter: "r", rejects: "r.ID < 0" },
  { what: "a map of 100 entries", func: "table", parameter: "m", rejects: "len(m) == 0" },
  { what: "three floats in registers", func: "floats", parameter: "x" },
];

interface Contender extends Tracer {
  /** What reads the events is stopped while the calls are made. */
  readonly readerRests?: true;
}

export async function printCosts(): Promise<void> {
  const binary = buildTarget("costs");
  const program = join(dirname(binary), "floor");
  buildNative(fileURLToPath(new URL("floor.c", import.meta.url)), program);
  try {
    const rows: string[][] = [];
    for (const kind of KINDS) rows.push(...(await rowsOf(kind, binary, program)));
    printTable(
      `Cost to the target of one traced call, by kind of argument (${CALLS} calls a round, median of ${ROUNDS} rounds)`,
      ["", "added ns", "against its floor", "calls seen too many or few", "dropped"],
      rows,
    );
  } finally {
    rmSync(dirname(binary), { recursive: true });
  }
}

async function rowsOf({ what, func, rejects, prints }: Kind, binary: string, program: string): Promise<string[][]> {
  const name = `main.${func}`;
  const own = (label: string, ...options: string[]): Tracer => probelens(`${what}: ${label}`, options, name);
  const tracers: Contender[] = [untraced, own("entry"), own("entry and return", "--returns")];
  // Their ring holds all events of a round.
  if (func === "number")
    tracers.push(
      { ...own("entry, reader stopped"), readerRests: true },
      { ...own("entry and return, reader stopped", "--returns"), readerRests: true },
    );
  if (rejects !== undefined) tracers.push(own(`\`--where '${rejects}'\` rejects`, "--where", rejects));
  tracers.push(own("`--rate 1` throttles", "--rate", "1"));
  const { entry, returns } = sitesOf(name, binary);
  const floor = floorAt(`${what}: floor at the entry`, program, [entry]);
  const pairFloor = floorAt(`${what}: floor at entry and return`, program, [entry, ...returns]);
  tracers.push(floor, pairFloor);
  if (hasBpftrace()) {
    tracers.push(bpftrace(`${what}: bpftrace counts`, "@ = count();", name));
    if (prints !== undefined) tracers.push(bpftrace(`${what}: bpftrace prints`, prints, name));
  }
  const samples = new Map(tracers.map((tracer) => [tracer, [] as Awaited<ReturnType<typeof measure>>[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const tracer of tracers) samples.get(tracer)!.push(await measure(tracer, binary, func));

  const nsOf = (tracer: Contender): number => median(samples.get(tracer)!.map(({ ns }) => ns));
  const added = (tracer: Contender): number => nsOf(tracer) - nsOf(untraced);
  return tracers
    .filter((tracer) => tracer !== untraced)
    .map((tracer) => [
      tracer.name,
      added(tracer).toFixed(0),
      `× ${(added(tracer) / added(tracer.name.includes("return") ? pairFloor : floor)).toFixed(2)}`,
      tracer === floor || tracer === pairFloor
        ? ""
        : samples
            .get(tracer)!
            .map(({ calls }) => calls - CALLS)
            .join(" "),
      String(samples.get(tracer)!.reduce((sum, { dropped }) => sum + dropped, 0)),
    ]);
}

async function measure(tracer: Contender, binary: string, func: string) {
  const target = await startTarget(binary);
  try {
    await target.run(1_000, func);
    const attached = await tracer.attach(target);
    const goOn = tracer.readerRests ? attached.pauseReader?.() : undefined;
    const ns = await target.run(CALLS, func);
    goOn?.();
    return { ns, ...(await attached.detach()) };
  } finally {
    await target.stop();
  }
}

/** Where `probelens` puts its probes, as offsets in the file. */
function sitesOf(func: string, binary: string): { entry: string; returns: string[] } {
  const found = execFileSync(process.execPath, [CLI, "inspect", func, "--binary", binary, "--json"], {
    encoding: "utf8",
  });
  const { entry, offset, site, returns } = JSON.parse(found) as {
    entry: string;
    offset: string;
    site: { offset: string };
    returns: string[];
  };
  const bias = Number(entry) - Number(offset);
  return { entry: site.offset, returns: returns.map((address) => `0x${(Number(address) - bias).toString(16)}`) };
}
