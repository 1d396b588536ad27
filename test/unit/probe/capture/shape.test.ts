/** What the kernel program is told about a closure object: where pointers stand, which of them count as depth, what is zeroed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { secretNames } from "../../../../src/goabi/secretNames.ts";
import { DEFAULT_LIMITS } from "../../../../src/probe/api.ts";
import { shapeOfParts } from "../../../../src/probe/capture/shape.ts";
import { pointer, scalar, struct } from "../../types.ts";

const wide = struct("main.Wide", [
  ["A", scalar("int")],
  ["B", scalar("int")],
]);
const options = { limits: { ...DEFAULT_LIMITS, depth: 0 }, isSecret: secretNames([]) };

test("a variable that a closure captured by reference is no step of the depth, a pointer that it captured is one", () => {
  const { slots, masks } = shapeOfParts(
    48,
    [
      { name: "byReference", offset: 8, type: wide, byReference: true },
      { name: "pointer", offset: 16, type: pointer(wide), byReference: false },
      { name: "byValue", offset: 24, type: wide, byReference: false },
      { name: "password", offset: 40, type: wide, byReference: true },
    ],
    options,
  );
  assert.deepEqual(
    slots.map(({ pointer: at, deepens }) => [at, deepens]),
    [
      [8, false],
      [16, true],
    ],
  );
  // Of the secret the object holds the address.
  assert.deepEqual(masks, [{ offset: 40, length: 8 }]);
});
