import assert from "node:assert/strict";
import { test } from "node:test";
import { aheadNs } from "../../../src/protocol/monotonic.ts";

/** As timens_offsets_show writes it (kernel/time/namespace.c). */
const NAMESPACES: readonly [name: string, offsets: string, ns: bigint][] = [
  ["the kernel's own", "monotonic           0         0\nboottime            0         0\n", 0n],
  ["ahead", "monotonic      100000         5\nboottime       200000         0\n", 100_000_000_000_005n],
  ["behind", "monotonic          -2 500000000\nboottime           -2         0\n", -1_500_000_000n],
  ["a kernel without them", "", 0n],
];
for (const [name, offsets, ns] of NAMESPACES)
  test(`time namespace: ${name}`, () => {
    assert.equal(aheadNs(offsets), ns);
  });
