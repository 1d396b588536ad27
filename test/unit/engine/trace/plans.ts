/** Plans and raw events of functions without arguments: what the trace's parts do is seen without any. */
import { runtimeFacts } from "../../../../src/goabi/runtime/facts.ts";
import { secretNames } from "../../../../src/goabi/secretNames.ts";
import { DEFAULT_LIMITS, type FunctionPlan, type ProbeSite } from "../../../../src/probe/api.ts";
import type { ProbeCounters } from "../../../../src/protocol/counters.ts";
import type { RawEvent } from "../../../../src/protocol/records.ts";
import { ProgramValues } from "../../../../src/value/render.ts";

export function site(address: number): ProbeSite {
  return {
    address,
    offset: address - 0x1000,
    kind: "emulated",
    instruction: "push rbp",
    expected: "55",
    cfaOffset: 8,
    skipIfBelowOrEqual: false,
    changesFloats: [],
    predictedNs: 900,
  };
}

const NOTHING = { capture: { pieces: [], slots: [], masks: [] }, variables: [] };

/** A function with its entry at `address` and `returns` returns behind it. */
export function planOf(name: string, address: number, returns: number): FunctionPlan {
  return {
    fn: {
      name,
      entry: address,
      end: address + 0x80,
      offset: address - 0x1000,
      file: "/src/app.go",
      line: 7,
      convention: "register",
    },
    params: [],
    results: [],
    entry: site(address),
    returns: Array.from({ length: returns }, (_, index) => site(address + 16 * (index + 1))),
    call: NOTHING,
    return: NOTHING,
    inlinedCalls: [],
  };
}

/** The functions have no values to decode. */
export const program = new ProgramValues({
  facts: runtimeFacts(27, "go1.27.4"),
  limits: DEFAULT_LIMITS,
  isSecret: secretNames([]),
});

export function inlinedCallPlan(func: string, line: number, address: number): FunctionPlan["inlinedCalls"][number] {
  return {
    call: { func, file: "/src/app.go", line, address } as never,
    site: site(address),
    plan: NOTHING,
  };
}

export function rawEvent(
  kind: RawEvent["kind"],
  probe: number,
  callId: number,
  more: Partial<RawEvent> = {},
): RawEvent {
  return {
    kind,
    probe,
    callId: BigInt(callId),
    timeNs: 1_000n,
    durationNs: 250n,
    pid: 42,
    tid: 43,
    goid: 18n,
    depth: 96n,
    returnAddress: 0x2005n,
    failedPieces: 0,
    root: new Uint8Array(0),
    chunks: [],
    ...more,
  };
}

export function counters(probe: number, counted: Partial<ProbeCounters>): ProbeCounters {
  const { emitted = 0, filtered = 0, throttled = 0, dropped = 0 } = counted;
  const hits = emitted + filtered + throttled + dropped;
  return {
    probe,
    hits,
    emitted,
    filtered,
    throttled,
    dropped,
    unpaired: 0,
    refused: 0,
    unwound: 0,
    untold: 0,
    ...counted,
  };
}
