/** Goroutines that cannot be read at some hits: what cannot be told is unknown, and nothing else is said of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

const CALLS = 4 * 20_000;
const AWAY = "<unavailable: memory not resident>";

for (const toolchain of ["installed", "go1.15.15"])
  test(`calls while the kernel moves the goroutines' memory, Go ${toolchain.replace("go", "")}`, async (t) => {
    const request = ["main.work", "--returns", "--format", "jsonl", "--", buildGo("collapse", toolchain)];
    const { status, stdout, stderr } = await run("trace", ...request, String(CALLS / 4));
    if (status === 3) return t.skip("no MADV_COLLAPSE (Linux 6.1 with huge pages)");
    assert.equal(status, 0, stderr);
    const { calls, returns, unwound, stats } = eventsOf(stdout);
    const [{ hits, emitted, dropped, ...ends } = assert.fail("no stats")] = stats;
    assert.deepEqual([hits, emitted + dropped], [CALLS, CALLS], JSON.stringify(stats));
    assert.deepEqual([calls.length, returns.length, unwound.length], [emitted, ends.returns, 0]);
    assert.equal(ends.returns + ends.unknownEnds, emitted, JSON.stringify(stats));
    assert.deepEqual([ends.unwound, ends.openCalls], [0, 0]);
    const given = new Map(calls.map(({ id, args }) => [id, args[0]?.text]));
    // Before Go 1.17 both stand in memory.
    const known = returns.filter(({ id, results }) => [given.get(id), results[0]?.text].every((text) => text !== AWAY));
    for (const { id, results } of known) assert.equal(results[0]?.text, String(Number(given.get(id)) + 1));
    assert.ok(known.length > 0.9 * returns.length && known.length > 0, `${known.length} of ${returns.length}`);
    t.diagnostic(`${ends.unknownEnds} unknown ends, values of ${returns.length - known.length} unavailable`);
  });

for (const toolchain of ["installed", "go1.15.15"])
  for (const [where, passes] of [
    ["goid == 0", false],
    ['goid != 0 && labels["user"] == ""', true],
  ] as const)
    test(`${where} while the kernel moves them, Go ${toolchain.replace("go", "")}`, async (t) => {
      const request = ["main.work", "--where", where, "--format", "jsonl", "--", buildGo("collapse", toolchain)];
      const { status, stdout, stderr } = await run("trace", ...request, String(CALLS / 4));
      if (status === 3) return t.skip("no MADV_COLLAPSE (Linux 6.1 with huge pages)");
      assert.equal(status, 0, stderr);
      const { stats } = eventsOf(stdout);
      const [{ hits, emitted, filtered, undecided, dropped } = assert.fail("no stats")] = stats;
      // What does not pass could not be decided, and nothing passes for want of an id.
      assert.deepEqual(
        [hits, emitted + dropped, filtered],
        passes ? [CALLS, CALLS - undecided, undecided] : [CALLS, 0, CALLS],
        JSON.stringify(stats),
      );
      if (undecided > 0) assert.match(stderr, /`(goid|labels\["user"\])` could not be read/);
      t.diagnostic(`${undecided} undecided`);
    });
