/** Builds test/programs/shapes by each Go version in each mode, into a cache that is keyed by the sources' content. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type BuildMode, modeNamed } from "./toolchains.ts";

const exec = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../programs/shapes", import.meta.url));
/** `go build` of a cold cache with an old toolchain that has to be fetched takes a minute or two here. */
const BUILD_TIMEOUT_MS = 10 * 60_000;

export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "probelens", "matrix");

/** Path of the built program; rejects with the compiler's words. */
export async function buildShapes(version: string, mode: BuildMode): Promise<string> {
  const folder = join(CACHE, sourcesHash(), `go${version}`);
  const output = join(folder, `shapes-${mode.name}`);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${output}.${process.pid}`;
  if (mode.stripOf !== undefined) {
    await exec("strip", ["-o", unfinished, await buildShapes(version, modeNamed(mode.stripOf))]);
  } else {
    const modfile = join(folder, `go.${process.pid}.mod`);
    // The language version is the toolchain's own; the program's go.mod names the oldest.
    writeFileSync(modfile, `module example.com/shapes\n\ngo ${minorOf(version)}\n`);
    await exec("go", ["build", `-modfile=${modfile}`, ...mode.flags, "-o", unfinished, "."], {
      cwd: PROGRAM,
      env: goEnvironment(version, mode.cgo === true),
      timeout: BUILD_TIMEOUT_MS,
    });
  }
  renameSync(unfinished, output);
  return output;
}

/** Environment of a `go` command of this version. */
export function goEnvironment(version: string, cgo = false): NodeJS.ProcessEnv {
  return {
    ...process.env,
    GOTOOLCHAIN: `go${version}`,
    // Not empty, because an empty one lets `go env -w`'s settings through, which old versions may not understand.
    GOFLAGS: Number(minorOf(version).slice(2)) >= 18 ? "-buildvcs=false" : "-trimpath=false",
    CGO_ENABLED: cgo ? "1" : "0",
    GO111MODULE: "on",
    GOWORK: "off",
  };
}

/** `1.27` of `1.27.4`. */
function minorOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

let hash: string | undefined;
function sourcesHash(): string {
  if (hash !== undefined) return hash;
  const sum = createHash("sha256");
  for (const name of readdirSync(PROGRAM, { recursive: true, encoding: "utf8" }).sort()) {
    if (/\.(go|s|mod)$/.test(name)) sum.update(`${name}\n`).update(readFileSync(join(PROGRAM, name)));
  }
  hash = sum.digest("hex").slice(0, 16);
  return hash;
}
