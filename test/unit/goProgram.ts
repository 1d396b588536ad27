/** Builds the Go programs under test/programs that unit tests take as witnesses, once per build and Go version. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAMS = fileURLToPath(new URL("../programs", import.meta.url));

/** Path of the built program, in the program's own bin/ (which git ignores). The Go build cache makes repeats cheap. */
export function buildGoProgram(program: string, goVersion: string, ...flags: string[]): string {
  const directory = join(PROGRAMS, program);
  mkdirSync(join(directory, "bin"), { recursive: true });
  const file = join(directory, "bin", [program, goVersion, ...flags].join("_").replace(/[^\w.-]+/g, "-"));
  // A build that fails must not leave an older program to be tested.
  rmSync(file, { force: true });
  execFileSync("go", ["build", ...flags, "-o", file, "."], {
    cwd: directory,
    env: { ...process.env, GOTOOLCHAIN: `go${goVersion}`, GOFLAGS: "-mod=mod", CGO_ENABLED: "0" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return file;
}
