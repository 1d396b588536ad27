/** One kernel's boot with the whole product in it, and what it said. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { buildGo } from "../programs/build.ts";
import { debianKernel, type KernelName } from "./debianKernel.ts";
import { GENERATED } from "./generated.ts";
import { Initramfs } from "./initramfs.ts";
import { usualConfigs } from "./loadOnly.ts";
import { boot } from "./machine.ts";
import { addNativeProgram } from "./nativeProgram.ts";
import type { CheckLine } from "./reporter.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Under software emulation on a loaded machine; an idle one needs a third. */
const LIMIT_MS = 15 * 60_000;

export interface Check extends CheckLine {
  /** The test file that it stands in; empty for what the host judges. */
  readonly file: string;
}

export interface KernelReport {
  readonly kernel: KernelName;
  /** As `uname -r` says it. */
  readonly release: string;
  /** In the order of the table. */
  readonly features: ReadonlyMap<string, boolean>;
  readonly checks: readonly Check[];
  /** The lines of `probelens doctor`. */
  readonly doctor: readonly string[];
}

/** Go programs that the checks and tests trace: the arguments of buildGo. */
const PROGRAMS: [program: string, toolchain?: string, ...flags: string[]][] = [
  ["calls"],
  ["calls", "go1.15.15"],
  ["calls", "go1.17.13"],
  ["calls", "go1.21.13"],
  ["calls", "go1.27.4"],
  ["calls", "installed", "-buildmode=pie"],
  ["calls", "installed", "-ldflags=-X=main.unused=binary"],
  ["sites"],
  ["sites", "go1.15.15"],
  ["floats"],
  ["absent"],
  ["euler"],
  ["euler", "go1.15.15"],
  ["euler", "go1.27.4"],
  ["results"],
  ["flood"],
  ["context"],
  ["context", "go1.15.15"],
];
/** The checks that `npm test` makes. */
export const CHECKS = ["test/kernels/checks.ts"];
/** Tests that run inside each kernel as they do outside; PROGRAMS has what they trace. */
export const TESTS = ["test/kernel/trace.test.ts"];

export async function reportKernel(kernel: KernelName, tests: readonly string[]): Promise<KernelReport> {
  const files = new Initramfs();
  addNativeProgram(files, "features");
  addNativeProgram(files, "load");
  files.program("bin/node", process.execPath);
  // Busybox has one that cannot tie a program's life to its parent's.
  files.program("repo/bin/setpriv", execFileSync("which", ["setpriv"], { encoding: "utf8" }).trim());
  files.tree("repo/dist", join(ROOT, "dist"), (name) => !/\.map$|^extension\.cjs$/.test(name));
  files.tree("repo/test/programs", join(ROOT, "test/programs"), (name) => name.endsWith(".go"));
  for (const path of [REPORTER, ...tests]) files.file(join("repo", scriptOf(path)), await bundled(join(ROOT, path)));
  for (const program of PROGRAMS) {
    const path = buildGo(...program);
    files.file(join("programs", basename(path)), readFileSync(path));
  }
  for (const [name, buildIt] of Object.entries(GENERATED))
    files.file(`programs/${name}`, readFileSync((await buildIt()).file));
  const script = [...lookAround(kernel), ...tests.flatMap(runTest), LAST];
  return { kernel, ...parse(await boot(debianKernel(kernel), files, script.join("\n"), LIMIT_MS)) };
}

const REPORTER = "test/kernels/reporter.ts";
/** Judges what everything before it left in the kernel's log. */
const LAST = `dmesg | grep -E 'uprobe: |BUG: |WARNING: CPU|Oops: |general protection' | sed 's/^/complaint /'`;

function lookAround(kernel: string): string[] {
  return [
    `echo "release $(uname -r)"`,
    "/features | sed 's/^/feature /'",
    ...usualConfigs(kernel).map((fields) => `/load /repo/dist/probelens.bpf.o ${fields.join(" ")} 2>&1`),
  ];
}

function runTest(path: string): string[] {
  const script = `/repo/${scriptOf(path)}`;
  const environment = "PATH=/repo/bin:$PATH PROBELENS_BUILT_PROGRAMS=/programs PROBELENS_TEST_PATIENCE=4";
  return [
    `echo "file ${path}"`,
    `(cd /repo; ${environment} node --test-force-exit --test-reporter=/repo/${scriptOf(REPORTER)} ${script} 2>&1)`,
    'echo "ended $?"',
  ];
}

function scriptOf(path: string): string {
  return path.replace(/\.ts$/, ".mjs");
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

/**
 * The helper loads these only where the kernel has bpf_loop (helper/load.ts), and their twins elsewhere; sleepable ones,
 * which have none, only where it has these, too (6.0).
 */
const NEEDS_LOOP = /^\s*(walk|goexit_loop|resume_loop|\w+_sleepable)\s/;

function parse(output: string): Omit<KernelReport, "kernel"> {
  const features = new Map<string, boolean>();
  const checks: Check[] = [];
  const doctor: string[] = [];
  const [complaints, refused]: [string[], string[]] = [[], []];
  let [release, file, loaded] = ["", "", 0];
  for (const line of output.split("\n")) {
    const [word = ""] = line.split(" ", 1);
    const rest = line.slice(word.length + 1);
    if (word === "release") release = rest;
    else if (word === "feature") features.set(rest.slice(rest.indexOf("\t") + 1), rest.startsWith("yes"));
    else if (word === "loaded") loaded++;
    else if (word === "REFUSED") refused.push(rest);
    else if (word === "file") file = rest;
    else if (word === "check") checks.push({ file, ...(JSON.parse(rest) as CheckLine) });
    else if (word === "doctor") doctor.push(rest);
    else if (word === "complaint") complaints.push(rest);
    // A process whose tests failed says so with its status; any other end is one of its own.
    else if (
      word === "ended" &&
      rest !== "0" &&
      !checks.some((check) => check.file === file && check.state === "failed")
    )
      checks.push(judged(`${file} runs to its end`, `status ${rest}:\n${output}`));
  }
  const wanted =
    features.get("helper: bpf_loop") === false ? refused.filter((line) => !NEEDS_LOOP.test(line)) : refused;
  if (loaded + refused.length > 0) checks.unshift(judged("every probe program loads", wanted.join("\n")));
  checks.push(judged("the kernel complains of nothing", complaints.join("\n")));
  return { release, features, checks, doctor };
}

function judged(name: string, why: string): Check {
  return { file: "", name, state: why === "" ? "passed" : "failed", why, ms: 0 };
}
