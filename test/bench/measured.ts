/** One command as a whole process: wall time and peak memory of the largest process in its tree. */
import { spawnSync } from "node:child_process";

export interface Measured {
  readonly seconds: number;
  /** Peak resident set, MiB. */
  readonly peakMiB: number;
  readonly status: number;
  readonly output: string;
}

/** getrusage(RUSAGE_CHILDREN) is what time(1) prints; python is at hand where bench tools are, time(1) often is not. */
const WRAPPER = `
import json, resource, subprocess, sys, time
start = time.monotonic()
done = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
seconds = time.monotonic() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peakMiB": peak, "status": done.returncode, "output": done.stdout.decode(errors="replace")[-4000:]}))
`;

export function measureCommand(command: readonly string[]): Measured {
  const result = spawnSync("python3", ["-c", WRAPPER, ...command], {
    encoding: "utf8",
    maxBuffer: 1 << 24,
    timeout: 300_000,
  });
  if (result.status !== 0) throw new Error(`bench: could not run ${command.join(" ")}: ${result.stderr}`);
  return JSON.parse(result.stdout) as Measured;
}

export function hasCommand(name: string): boolean {
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", name]).status === 0;
}
