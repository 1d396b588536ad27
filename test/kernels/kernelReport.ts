/** One kernel's boot with the whole product in it, and what it said. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildGo } from "../programs/build.ts";
import { debianKernel, type KernelName } from "./debianKernel.ts";
import { Initramfs } from "./initramfs.ts";
import { usualConfigs } from "./loadOnly.ts";
import { boot } from "./machine.ts";
import { addNativeProgram } from "./nativeProgram.ts";
import type { CheckLine } from "./reporter.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Under software emulation on a loaded machine; an idle one needs a third. */
const LIMIT_MS = 8 * 60_000;

export interface KernelReport {
  readonly kernel: KernelName;
  /** As `uname -r` says it. */
  readonly release: string;
  /** In the order of the table. */
  readonly features: ReadonlyMap<string, boolean>;
  readonly checks: readonly CheckLine[];
  /** The lines of `probelens doctor`. */
  readonly doctor: readonly string[];
}

/** Go programs that the checks trace: the arguments of buildGo. */
const PROGRAMS: [program: string, toolchain?: string][] = [["calls"], ["calls", "go1.15.15"], ["sites"]];

export async function reportKernel(kernel: KernelName): Promise<KernelReport> {
  const files = new Initramfs();
  addNativeProgram(files, "features");
  addNativeProgram(files, "load");
  files.program("bin/node", process.execPath);
  // Busybox has one that cannot tie a program's life to its parent's.
  files.program("repo/bin/setpriv", execFileSync("which", ["setpriv"], { encoding: "utf8" }).trim());
  files.tree("repo/dist", join(ROOT, "dist"), (name) => !/\.map$|^extension\.cjs$/.test(name));
  for (const name of ["checks", "reporter"])
    files.file(`repo/test/kernels/${name}.mjs`, await bundled(join(ROOT, "test/kernels", `${name}.ts`)));
  for (const program of PROGRAMS) {
    const path = buildGo(...program);
    files.file(join("programs", path.slice(dirname(path).length)), readFileSync(path));
  }
  const output = await boot(debianKernel(kernel), files, script(kernel), LIMIT_MS);
  return { kernel, ...parse(output) };
}

function script(kernel: string): string {
  return [
    `echo "release $(uname -r)"`,
    "/features | sed 's/^/feature /'",
    ...usualConfigs(kernel).map((fields) => `/load /repo/dist/probelens.bpf.o ${fields.join(" ")} 2>&1`),
    "cd /repo/test/kernels",
    "PATH=/repo/bin:$PATH PROBELENS_BUILT_PROGRAMS=/programs node --test-reporter=./reporter.mjs ./checks.mjs 2>&1",
    'echo "ended $?"',
  ].join("\n");
}

async function bundled(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    logLevel: "warning",
  });
  const [file] = outputFiles;
  if (!file) throw new Error(`esbuild made nothing of ${entry}`);
  return file.contents;
}

function parse(output: string): Omit<KernelReport, "kernel"> {
  const lines = output.split("\n");
  const after = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const features = new Map(
    after("feature").map((line) => {
      const [has = "", name = ""] = line.split("\t");
      return [name, has === "yes"];
    }),
  );
  const checks = after("check").map((line) => JSON.parse(line) as CheckLine);
  // The status of a process whose tests failed is theirs; any other end is one of its own.
  const status = after("ended")[0] ?? "not reached";
  if (status !== "0" && checks.every(({ state }) => state !== "failed"))
    checks.push({ name: "the checks run to their end", state: "failed", why: `status ${status}:\n${output}`, ms: 0 });
  const loads = lines.filter((line) => /^(loaded|REFUSED) /.test(line));
  const refused = loads.filter((line) => line.startsWith("REFUSED"));
  checks.unshift({
    name: "every probe program loads",
    state: loads.length > 0 && refused.length === 0 ? "passed" : "failed",
    why: refused.join("\n"),
    ms: 0,
  });
  return { release: after("release")[0] ?? "", features, checks, doctor: after("doctor") };
}
