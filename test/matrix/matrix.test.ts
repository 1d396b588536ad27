/**
 * A part of the matrix (`npm run matrix` is the whole): three Go versions in four build modes, against `go tool nm`,
 * `go tool objdump`, `debug/gosym` and Delve.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildShapes, SHAPES } from "./build.ts";
import { type Check, checkProgram } from "./checkProgram.ts";
import { judge } from "./expected.ts";
import { CI_VERSIONS, modeNamed } from "./toolchains.ts";

/** What each mode adds to the others. */
const CI_CHECKS: Readonly<Record<string, readonly Check[]>> = {
  default: ["functions", "code", "parameters", "inlined", "sites"],
  noopt: ["functions", "parameters", "sites"],
  piesw: ["functions", "table", "code", "sites"],
  strip: ["functions", "table", "source"],
};
/** Reading all of the runtime's source takes half a minute: once is enough here. */
const NEWEST = CI_VERSIONS.at(-1);

for (const version of CI_VERSIONS) {
  for (const mode of Object.keys(CI_CHECKS).map(modeNamed)) {
    test(`go${version} ${mode.name}: functions, code and parameters agree with the witnesses`, async (t) => {
      const file = await buildShapes(version, mode);
      const twin = mode.twin === undefined ? undefined : await buildShapes(version, modeNamed(mode.twin));
      const source = mode.name === "strip" && version === NEWEST ? { root: SHAPES, goVersion: version } : undefined;
      const wanted = CI_CHECKS[mode.name]!.filter((check) => check !== "source" || source !== undefined);
      const { warnings, findings } = await checkProgram(file, twin, wanted, source);
      assert.deepEqual(warnings, []);
      assert.deepEqual([...findings.keys()], wanted);
      for (const [check, found] of findings) {
        t.diagnostic(`${check}: ${found.text(2)}`);
        assert.deepEqual(judge(check, found), []);
      }
    });
  }
}
