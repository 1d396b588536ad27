/** Builds programs of the repo by each Go version in each mode, into a cache that is keyed by the sources' content. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder } from "../cacheFolder.ts";
import { type BuildMode, modeNamed } from "./toolchains.ts";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** `go build` of a cold cache with an old toolchain that has to be fetched takes a minute or two here. */
const BUILD_TIMEOUT_MS = 10 * 60_000;

export const CACHE = cacheFolder("matrix");

export const SHAPES = join(ROOT, "test/programs/shapes");

export interface BuildRequest {
  /** The program's folder, from the top of the repo. */
  readonly folder: string;
  /** Its module path. */
  readonly module: string;
  readonly version: string;
  /** Name of the variant, for the cache. */
  readonly name: string;
  /** Arguments of `go build`. */
  readonly flags: readonly string[];
  readonly cgo?: boolean;
  /** Its go.mod and go.sum name other modules, which the module proxy has. */
  readonly hasRequirements?: true;
}

/** Path of shapes in this mode; rejects with the compiler's words. */
export async function buildShapes(version: string, mode: BuildMode): Promise<string> {
  const { name, flags, cgo, stripOf } = mode;
  const request = {
    folder: "test/programs/shapes",
    module: "example.com/shapes",
    version,
    name,
    flags,
    cgo: cgo === true,
  };
  if (stripOf === undefined) return buildProgram(request);
  const from = await buildShapes(version, modeNamed(stripOf));
  return cached(request, (output) => exec("strip", ["-o", output, from]));
}

export function buildProgram(request: BuildRequest): Promise<string> {
  return cached(request, async (output) => {
    const modfile = `${output}.mod`;
    // The language version is the toolchain's own; the program's go.mod names the oldest.
    writeFileSync(modfile, `module ${request.module}\n\ngo ${minorOf(request.version)}\n`);
    const ownModule = request.hasRequirements === true;
    await exec("go", ["build", ...(ownModule ? [] : [`-modfile=${modfile}`]), ...request.flags, "-o", output, "."], {
      cwd: join(ROOT, request.folder),
      env: goEnvironment(request.version, request.cgo),
      timeout: BUILD_TIMEOUT_MS,
    });
    rmSync(modfile);
  });
}

async function cached(request: BuildRequest, make: (output: string) => Promise<unknown>): Promise<string> {
  const folder = join(CACHE, sourcesHash(join(ROOT, request.folder)), `go${request.version}`);
  const output = join(folder, `${basename(request.folder)}-${request.name}`);
  if (existsSync(output)) return output;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${output}.${process.pid}`;
  await make(unfinished);
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

const hashes = new Map<string, string>();
function sourcesHash(folder: string): string {
  const known = hashes.get(folder);
  if (known !== undefined) return known;
  const sum = createHash("sha256");
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    if (/\.(go|s|mod)$/.test(name)) sum.update(`${name}\n`).update(readFileSync(join(folder, name)));
  }
  const hash = sum.digest("hex").slice(0, 16);
  hashes.set(folder, hash);
  return hash;
}
