/** Time from starting the tool to its first probe standing, for the demo server. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, printTable } from "./table.ts";
import { hasBpftrace, textUntil } from "./tracers.ts";

const CLI = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const SOURCE = fileURLToPath(new URL("../programs/euler", import.meta.url));
const ROUNDS = 5;

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** What it prints once the probe stands, and on which stream. */
  readonly ready: RegExp;
  readonly stream: "stdout" | "stderr";
}

/** `dir`: where the demo server may be built. */
export async function printAttachTime(dir: string): Promise<void> {
  const binary = join(dir, "euler");
  execFileSync("go", ["build", "-o", binary, "."], { cwd: SOURCE, stdio: "inherit" });
  const server = spawn(binary, ["-listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await textUntil(server, server.stdout, /listening/);
    const contenders: Contender[] = [
      {
        name: "probelens trace",
        command: [process.execPath, CLI, "trace", "main.computeE", "--pid", String(server.pid)],
        ready: /attached/,
        stream: "stderr",
      },
    ];
    if (hasBpftrace()) {
      contenders.push({
        name: "bpftrace",
        command: ["bpftrace", "-e", `BEGIN { printf("ready\\n"); } uprobe:${binary}:"main.computeE" { @ = count(); }`],
        ready: /ready/,
        stream: "stdout",
      });
    }
    const seconds = new Map(contenders.map((contender) => [contender, [] as number[]]));
    for (let round = 0; round < ROUNDS; round++)
      for (const contender of contenders) seconds.get(contender)!.push(await secondsUntilReady(contender));
    printTable(
      `From starting the tool to the first probe on main.computeE of the running demo server (median of ${ROUNDS})`,
      ["", "seconds"],
      contenders.map((contender) => [contender.name, median(seconds.get(contender)!).toFixed(2)]),
    );
  } finally {
    await ended(server);
  }
}

async function secondsUntilReady({ command, ready, stream }: Contender): Promise<number> {
  const start = performance.now();
  const stdio = stream === "stdout" ? (["ignore", "pipe", "ignore"] as const) : (["ignore", "ignore", "pipe"] as const);
  const child = spawn(command[0]!, command.slice(1), { stdio: [...stdio] });
  const output = child[stream]!;
  await textUntil(child, output, ready);
  output.resume();
  const seconds = (performance.now() - start) / 1000;
  // bpftrace does not hear a signal that comes while it starts.
  const again = setInterval(() => child.kill("SIGINT"), 100);
  await once(child, "close");
  clearInterval(again);
  return seconds;
}

async function ended(child: ChildProcess): Promise<void> {
  const exited = once(child, "exit");
  child.kill();
  await exited;
}
