/**
 * `npm run matrix`: every Go version in every build mode, all comparisons; prints counts and differences.
 *
 *   --versions 1.15.15,1.27.4  --modes default,pie  --checks functions,parameters  --examples 5
 *   --real                     real programs instead (built and downloaded into the cache: an hour where it is empty)
 *   --file PATH                compares one program file instead; --twin: the same program with symbols; --source: its
 *                              source, with --versions the Go that built it
 */
import { parseArgs } from "node:util";
import { buildShapes, SHAPES } from "./build.ts";
import { CHECKS, type Check, checkProgram } from "./checkProgram.ts";
import { judge } from "./expected.ts";
import { realPrograms } from "./real.ts";
import type { SourceFolders } from "./sourceTypes.ts";
import { BUILD_MODES, GO_VERSIONS, modeNamed } from "./toolchains.ts";

const { values: options } = parseArgs({
  options: {
    versions: { type: "string", default: GO_VERSIONS.join() },
    modes: { type: "string", default: BUILD_MODES.map(({ name }) => name).join() },
    checks: { type: "string", default: CHECKS.join() },
    examples: { type: "string", default: "5" },
    file: { type: "string" },
    real: { type: "boolean", default: false },
    twin: { type: "string" },
    source: { type: "string" },
  },
});
const complaints: string[] = [];
const checks = options.checks.split(",") as Check[];

if (options.file !== undefined) {
  const source = options.source === undefined ? undefined : { root: options.source, goVersion: options.versions };
  await report(options.file, options.file, options.twin, source);
} else if (options.real)
  for await (const { name, file, checks: wanted } of realPrograms())
    await report(name, file, undefined, undefined, wanted);
else
  for (const version of options.versions.split(","))
    for (const mode of options.modes.split(",").map(modeNamed)) {
      const twin = mode.twin === undefined ? undefined : await buildShapes(version, modeNamed(mode.twin));
      await report(
        `go${version} ${mode.name}`,
        await buildShapes(version, mode),
        twin,
        mode.name === "strip" ? { root: SHAPES, goVersion: version } : undefined,
      );
    }

console.log(complaints.length === 0 ? "Every difference is explained." : `NOT EXPLAINED:\n${complaints.join("\n")}`);
process.exit(complaints.length === 0 ? 0 : 1);

async function report(
  title: string,
  file: string,
  twin: string | undefined,
  source: SourceFolders | undefined,
  wanted: readonly Check[] = checks,
): Promise<void> {
  const started = performance.now();
  try {
    const { warnings, findings } = await checkProgram(file, twin, wanted, source);
    console.log(`${title} (${Math.round(performance.now() - started)} ms)`);
    for (const warning of warnings) console.log(`  warning: ${warning}`);
    for (const [check, found] of findings) {
      console.log(`  ${check}: ${found.text(Number(options.examples)).replaceAll("\n", "\n  ")}`);
      complaints.push(...judge(check, found).map((complaint) => `${title}: ${complaint}`));
    }
  } catch (error) {
    complaints.push(`${title}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
