/**
 * The terminal's side of a trace, with an engine that does what the test says. Above all a signal while it is prepared:
 * what fails because of it, or after it, is no failure of its own.
 */
import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { parseOptions } from "../../../src/cli/options.ts";
import { listenToSignals } from "../../../src/cli/signals.ts";
import { runTrace, traceOptions } from "../../../src/cli/trace.ts";
import type { Trace, TraceListener } from "../../../src/engine/api.ts";
import type { FullEngine } from "../../../src/engine/engine.ts";
import type { Job } from "../../../src/engine/job.ts";
import { UserError } from "../../../src/protocol/errors.ts";

listenToSignals();
/** As if it came: the test's own process must not end by it. */
const interrupt = (): void => process.listeners("SIGINT").at(-1)?.("SIGINT");

const told: string[] = [];
beforeEach(() => {
  told.length = 0;
  mock.restoreAll();
  mock.method(process.stderr, "write", (text: string) => told.push(text));
});

type Prepare = (job: Job, listener: TraceListener) => Promise<Trace>;

/** The exit status of a trace whose engine prepares it like this. */
async function traced(prepare: Prepare, ...options: string[]): Promise<number> {
  const engine: Pick<FullEngine, "trace" | "dispose"> = {
    trace: async (job, _request, listener) => await prepare(job, listener),
    dispose: async () => {},
  };
  return await runTrace(
    traceOptions(parseOptions(COMMANDS.trace, ["f", "--pid", "1", ...options])),
    engine as FullEngine,
  );
}

const NEXT_TURN = (): Promise<void> => new Promise(setImmediate);
const FAILURES: readonly Error[] = [
  new UserError({ code: "file-unreadable", what: "cannot read it", why: "it is gone", remedy: "Try again" }),
  new Error("read ECANCELED"),
  new RangeError("Offset is outside the bounds of the DataView"),
  new DOMException("This operation was aborted", "AbortError"),
  Object.assign(new Error("Cannot find module"), { code: "ERR_MODULE_NOT_FOUND" }),
];
const AFTER_SIGNAL: Readonly<Record<string, Prepare>> = Object.fromEntries(
  FAILURES.flatMap((failure): [string, Prepare][] => [
    [
      `${failure.message}, at once`,
      async () => {
        interrupt();
        throw failure;
      },
    ],
    [
      `${failure.message}, some turns later`,
      async () => {
        interrupt();
        for (let turn = 0; turn < 5; turn++) await NEXT_TURN();
        throw failure;
      },
    ],
    [
      `${failure.message}, by the abort, with the functions planned`,
      async ({ signal }, listener) => {
        await listener.onPlanned?.([]);
        const aborted = new Promise<never>((_, reject) => {
          signal.addEventListener("abort", () => reject(failure));
        });
        interrupt();
        return await aborted;
      },
    ],
  ]),
);

for (const [what, prepare] of Object.entries(AFTER_SIGNAL)) {
  test(`after the signal: ${what}`, async () => {
    assert.equal(await traced(prepare), 0);
    await NEXT_TURN();
    assert.deepEqual(told, []);
  });
}

for (const failure of FAILURES) {
  test(`without a signal it is one: ${failure.message}`, async () => {
    await assert.rejects(
      traced(async () => {
        throw failure;
      }),
      (error) => error === failure,
    );
  });
}

test("nothing that hangs before anything is attached holds the end up", async () => {
  const hangs: Prepare = async () => {
    setImmediate(interrupt);
    return await new Promise<never>(() => {});
  };
  assert.equal(await traced(hangs), 0);
});

test("probes that stand all the same are removed, and the totals come", async () => {
  let stops = 0;
  const status = await traced(async (_job, listener) => {
    await listener.onPlanned?.([]);
    interrupt();
    await NEXT_TURN();
    return traceOf(listener, () => (stops += 1));
  });
  assert.deepEqual([status, stops], [0, 1]);
});

test("the first line says when the trace ends by itself, as it was given", async () => {
  const table: [string[], string][] = [
    [[], "60 min"],
    [["--expire", "0.01"], "0.01 min"],
    [["--expire", "33333"], "33333 min"],
    [["--expire", "12345"], "12345 min"],
    [["--duration", "90"], "60 min"],
    [["--duration", "2000000"], "33333 min"],
  ];
  for (const [options, end] of table) {
    told.length = 0;
    const status = await traced(
      async (_job, listener) => {
        await listener.onPlanned?.([]);
        setImmediate(() => listener.onEnd({ kind: "stopped" }, []));
        return traceOf(listener);
      },
      ...options,
    );
    assert.equal(status, 0);
    assert.ok(told.join("").includes(`Ctrl-C ends the trace, or ${end} do (--expire)`), told.join(""));
  }
});

function traceOf(listener: TraceListener, onStop: () => void = () => {}): Trace {
  return {
    plans: [],
    costs: [],
    spentNs: () => 0,
    stats: async () => [],
    stop: async () => {
      onStop();
      listener.onEnd({ kind: "stopped" }, []);
    },
  };
}
