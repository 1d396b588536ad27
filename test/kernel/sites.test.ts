/**
 * Hits equal calls at every chosen site: real probes on a program that calls each function a known number of times
 * while its goroutines' stacks grow. A site that is off shows as a count that is off: the first instruction would
 * count failing stack checks twice.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { secretNames } from "../../src/goabi/secretNames.ts";
import { openBinary } from "../../src/gobinary/open.ts";
import { DEFAULT_LIMITS, type ProbeSite } from "../../src/probe/api.ts";
import { planFunction } from "../../src/probe/plan.ts";
import type { CapturePlan } from "../../src/protocol/capture.ts";
import type { ProbeSpec } from "../../src/protocol/helperApi.ts";
import { buildGo } from "../programs/build.ts";
import { startHelper } from "./helperProcess.ts";
import { MAY_BE_REFUSED, SITE_CALLS } from "./siteCalls.ts";

const ROUNDS = 1000;

const VARIANTS: [string, ...string[]][] = [
  ["1.15.15"],
  ["1.17.13"],
  ["1.20.14"],
  ["1.24.13"],
  ["1.27.4"],
  ["1.27.4", "-gcflags=-N -l"],
  ["1.27.4", "-buildmode=pie"],
];

for (const [version, ...flags] of VARIANTS) {
  test(`hits equal calls, Go ${[version, ...flags].join(" ")}`, async (t) => {
    const path = buildGo("sites", `go${version}`, ...flags);
    const file = readFileSync(path);
    const binary = await openBinary({
      name: path,
      size: file.length,
      read: async (offset, length) => new Uint8Array(file.subarray(offset, offset + length)),
    });
    const expected = new Map<string, number>();
    const probes: ProbeSpec[] = [];
    const names = new Map<number, string>();
    let emulated = 0;
    for (const [name, calls] of Object.entries(SITE_CALLS)) {
      const [fn] = await binary.functionsNamed(`main.${name}`);
      assert.ok(fn, `main.${name} is in the binary`);
      const signature = await binary.signature(fn);
      const planned = planFunction({
        fn,
        arch: binary.arch,
        signature,
        code: await binary.code(fn),
        limits: DEFAULT_LIMITS,
        isSecret: secretNames([]),
        noFloats: "hits are counted here, and no signal is sent",
      });
      if (!planned.ok) {
        assert.ok(MAY_BE_REFUSED.has(name), `main.${name}: ${planned.reason}`);
        continue;
      }
      const { entry, returns } = planned.plan;
      if (entry.kind === "emulated") emulated++;
      const add = (site: ProbeSite, key: string, plan: Pick<CapturePlan, "pieces">, entryId?: number): void => {
        const id = probes.length + 1;
        names.set(id, key);
        expected.set(key, calls * ROUNDS);
        const { offset, expected: bytes, cfaOffset, skipIfBelowOrEqual } = site;
        const role = entryId === undefined ? "entry" : "return";
        const common = {
          id,
          role,
          offset,
          expected: bytes,
          cfaOffset,
          skipIfBelowOrEqual,
          plan: { pieces: plan.pieces },
        } as const;
        probes.push({ ...common, pairReturns: true, ...(entryId === undefined ? {} : { entryId }) });
      };
      const entryId = probes.length + 1;
      add(entry, `${name} entry`, planned.plan.call.capture);
      for (const site of returns) add(site, `${name} return`, planned.plan.return.capture, entryId);
    }
    const helper = await startHelper();
    try {
      const { goidOffset, stackHiOffset, tlsOffset } = binary.runtime;
      await helper.client.attach({
        session: 1,
        target: { kind: "file", file: path },
        goroutine: { source: version.startsWith("1.15") ? "tls" : "register", tlsOffset, goidOffset, stackHiOffset },
        probes,
        functions: Object.keys(SITE_CALLS),
      });
      const output = execFileSync(path, [String(ROUNDS)], { encoding: "utf8" });
      assert.equal(output, `done ${ROUNDS} true\n`);
      const { counters } = await helper.client.detach({ session: 1 });
      const hits = new Map<string, number>();
      for (const { probe, hits: count, unpaired } of counters) {
        const key = names.get(probe)!;
        // Returns of calls that found no room in the ring buffer count as unpaired.
        hits.set(key, (hits.get(key) ?? 0) + count + unpaired);
      }
      assert.deepEqual(sorted(hits), sorted(expected));
      t.diagnostic(`${probes.length} probes, ${emulated} of ${Object.keys(SITE_CALLS).length} entries emulated`);
    } finally {
      await helper.stop();
    }
  });
}

function sorted(counts: Map<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
