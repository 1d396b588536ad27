/** Vector types of GOEXPERIMENT=simd: no place is said of them, nor of what stands behind them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLocation } from "../../../src/goabi/format.ts";
import { buildGo } from "../../programs/build.ts";
import { openFile } from "./binaryFile.ts";

const IS_VECTOR = "archsimd.Float32x4 is a vector type";
const BEHIND = `its place depends on a value that cannot be placed (${IS_VECTOR})`;
/** What marks a type that is defined by one. */
const NAMED = "archsimd.v128 is a vector type";

const CASES: Record<string, readonly string[]> = {
  "main.takes": ["int RAX:8", `archsimd.Float32x4 ${IS_VECTOR}`, `float64 ${BEHIND}`, "float64 X0:8"],
  "main.takesNamed": [
    "float64 X0:8",
    `main.named ${NAMED}`,
    `float64 ${BEHIND.replace(IS_VECTOR, NAMED)}`,
    "*main.holder RAX:8",
  ],
  "main.takesHolder": ["int RAX:8", `main.holder ${IS_VECTOR}`, `float64 ${BEHIND}`, "int RAX:8"],
  "main.returns": ["float64 X0:8", "float64 X0:8", `archsimd.Float32x4 ${IS_VECTOR}`, `float64 ${BEHIND}`],
};

for (const version of ["1.26.8", "1.27.4"])
  test(`go${version}: vector types`, async () => {
    const binary = await openFile(buildGo("vectors", `go${version}`, "GOEXPERIMENT=simd"));
    for (const [name, expected] of Object.entries(CASES)) {
      const [fn] = await binary.functionsNamed(name);
      assert.ok(fn);
      const read = await binary.signature(fn);
      assert.ok(read.ok, name);
      const shown = [...read.signature.params, ...read.signature.results].map(({ type, location }) => {
        const [piece] = location;
        return `${type.name} ${piece?.place.at === "unknown" ? piece.place.reason : formatLocation(location).join(" ")}`;
      });
      assert.deepEqual(shown, expected, name);
    }
  });
