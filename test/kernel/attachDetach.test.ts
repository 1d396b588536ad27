/**
 * Attaching and detaching again and again while the target works: every sum is right, its code is the file's whenever no
 * probe is there, and the helper keeps nothing. PROBELENS_ATTACHES=1000 (`npm run test:safety`) does it so often.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../until.ts";
import { type RunningHelper, startHelper } from "./helperProcess.ts";
import {
  attachAdd,
  buildHits,
  ENTRY,
  endTargets,
  HitsProcess,
  type HitsProgram,
  manyProbes,
  processTarget,
} from "./hits.ts";
import { isUntouched, linkHolders, openFiles, random } from "./processCode.ts";

const ROUNDS = Number(process.env["PROBELENS_ATTACHES"] ?? 40);
/** Beside main.add's; strconv's and fmt's, of which the load runs some. */
const PROBES = 50;
/** Calls of one command, some of which fall between two attaches. */
const CALLS = 5000;
/** Under load the kernel takes its time to take them all away. */
const LIMIT_MS = 60_000;

let program: HitsProgram;
let target: HitsProcess;
let helper: RunningHelper;

before(async () => {
  program = buildHits();
  target = await HitsProcess.start(program);
  // Its events are not kept.
  helper = await startHelper(() => {});
});
after(async () => {
  endTargets();
  await helper.stop();
});

test(`${ROUNDS} times under load: the target's sums are right, and nothing is left`, async (t) => {
  const dice = random(3);
  const many = manyProbes(program, 40 * PROBES);
  const pid = helper.child.pid ?? 0;
  const work = new AbortController();
  let calls = 0;
  const load = (async () => {
    while (!work.signal.aborted) {
      await target.call(CALLS, 4);
      calls += CALLS;
    }
  })();
  let hits = 0;
  let files = 0;
  for (let session = 1; session <= ROUNDS; session++) {
    const from = Math.floor(dice() * (many.length - PROBES));
    const request = attachAdd(program, processTarget(target.pid), { session, returns: session % 2 === 0 });
    await helper.client.attach({ ...request, probes: [...request.probes, ...many.slice(from, from + PROBES)] });
    // Some are taken away at once, some have hits.
    if (dice() < 0.5) {
      const enough = calls + CALLS;
      await until("calls while it is attached", () => calls >= enough, LIMIT_MS);
    }
    const { counters } = await helper.client.detach({ session });
    hits += counters.find(({ probe }) => probe === ENTRY)?.hits ?? 0;
    assert.ok(isUntouched(target.pid), `the code is the file's again after round ${session}`);
    await until("its holder has ended", () => linkHolders(pid).length === 0, LIMIT_MS);
    // What the first of either kind opens for all stays open; pipes to a holder close a moment after it has ended.
    if (session <= 2) files = openFiles(pid).length;
    await until(`no descriptor more after round ${session}`, () => openFiles(pid).length <= files, LIMIT_MS);
  }
  work.abort();
  await load;
  assert.ok(hits > 0 && hits <= calls + CALLS);
  assert.equal(target.child.exitCode, null);
  t.diagnostic(
    `${ROUNDS} times; ${calls} calls with the right sum, ${hits} of them hits of main.add; ${files} descriptors throughout`,
  );
});
