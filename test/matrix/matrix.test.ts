/**
 * A part of the matrix (`npm run matrix` is the whole): three Go versions in four build modes, against `go tool nm`,
 * `go tool objdump`, `debug/gosym` and `llvm-dwarfdump`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildShapes } from "./build.ts";
import { CHECKS, type Check, checkProgram } from "./checkProgram.ts";
import { judge } from "./expected.ts";
import { CI_MODES, CI_VERSIONS, modeNamed } from "./toolchains.ts";

for (const version of CI_VERSIONS) {
  for (const mode of CI_MODES.map(modeNamed)) {
    test(`go${version} ${mode.name}: functions, code and parameters agree with the witnesses`, async (t) => {
      const file = await buildShapes(version, mode);
      const twin = mode.twin === undefined ? undefined : await buildShapes(version, modeNamed(mode.twin));
      const { warnings, findings } = await checkProgram(file, twin, CHECKS);
      assert.deepEqual(warnings, []);
      const wanted: Check[] = twin === undefined ? ["functions", "code", "parameters"] : ["functions", "table", "code"];
      assert.deepEqual([...findings.keys()], wanted);
      for (const [check, found] of findings) {
        t.diagnostic(`${check}: ${found.text(2)}`);
        assert.deepEqual(judge(check, found), []);
      }
    });
  }
}
