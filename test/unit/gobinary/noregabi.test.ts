/** GOEXPERIMENT=noregabi: it stands in the build settings of versions that do not heed it any more, too. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildGo } from "../../programs/build.ts";
import { openFile } from "./binaryFile.ts";

for (const [toolchain, convention] of [
  ["go1.17.13", "stack"],
  ["go1.18.10", "register"],
  ["go1.20.14", "register"],
] as const)
  test(`${toolchain}: ${convention}`, async () => {
    const binary = await openFile(buildGo("hits", toolchain, "GOEXPERIMENT=noregabi"));
    const [fn] = await binary.functionsNamed("main.main");
    assert.equal(fn?.convention, convention);
  });
