/** Builds the Go programs beside this file, with the installed Go or another one. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A folder of programs built elsewhere, for machines without Go (test/kernels). */
const BUILT = process.env["PROBELENS_BUILT_PROGRAMS"];
const PROGRAMS = fileURLToPath(new URL(".", import.meta.url));

/**
 * Path of the built program, one per program, toolchain (`go1.15.15`) and flags (`GOEXPERIMENT=…` and `CGO_ENABLED=1` among them), in its own bin/ (which git ignores).
 * The Go build cache makes repeats cheap.
 */
export function buildGo(program: string, toolchain = "installed", ...flags: string[]): string {
  return buildGoIn(join(PROGRAMS, program), toolchain, ...flags);
}

/** Of a program that lies elsewhere, a generated one for example. */
export function buildGoIn(directory: string, toolchain = "installed", ...flags: string[]): string {
  const name = [basename(directory), toolchain, ...flags].join("_").replace(/[^\w.-]+/g, "-");
  if (BUILT !== undefined) return join(BUILT, name);
  mkdirSync(join(directory, "bin"), { recursive: true });
  const path = join(directory, "bin", name);
  const env: NodeJS.ProcessEnv = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-mod=mod" };
  if (toolchain !== "installed") env["GOTOOLCHAIN"] = toolchain;
  const settings = flags.filter((flag) => /^(GOEXPERIMENT|CGO_ENABLED)=/.test(flag));
  for (const setting of settings) {
    const [name = "", value] = setting.split("=");
    env[name] = value;
  }
  // Renamed into place: an older build may be running, and a failed one must not leave it behind.
  const built = `${path}.${process.pid}`;
  execFileSync("go", ["build", ...flags.filter((flag) => !settings.includes(flag)), "-o", built, "."], {
    cwd: directory,
    env,
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(built, path);
  return path;
}
