/** Real calls of every shape of function, traced through the CLI: no value may be wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildShapes } from "./build.ts";
import { checkValues } from "./checkValues.ts";
import { CI_VERSIONS, modeNamed } from "./toolchains.ts";

const MODES = ["default", "pie", "strip"];
/** About 300 arguments and results have known texts; those that cannot be shown must stay the smaller part. */
const MIN_RIGHT = 150;

for (const version of CI_VERSIONS) {
  for (const mode of MODES.map(modeNamed)) {
    test(`go${version} ${mode.name}: arguments and results of real calls`, async (t) => {
      const findings = await checkValues(await buildShapes(version, mode), mode.name === "strip");
      t.diagnostic(findings.text(3));
      assert.deepEqual(findings.of("WRONG"), []);
      assert.deepEqual(findings.of("number of calls"), []);
      assert.deepEqual(findings.of("not shown"), []);
      assert.deepEqual(findings.of("no return"), []);
      assert.ok((findings.counts["right"] ?? 0) >= MIN_RIGHT, `${findings.counts["right"]} right values`);
    });
  }
}
