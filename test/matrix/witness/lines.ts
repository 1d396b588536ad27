/** Runs a witness and gives its output line by line, without holding it all: dumps of large programs have gigabytes. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

export async function* linesOf(
  command: string,
  args: readonly string[],
  env?: NodeJS.ProcessEnv,
): AsyncIterable<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: env ?? process.env });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (complaint.length < 10_000) complaint += text;
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${command} ${args.join(" ")}: status ${status}: ${complaint}`));
    });
  });
  // Awaited below; a failure to start must not count as unhandled meanwhile.
  ended.catch(() => {});
  yield* createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
  await ended;
}
