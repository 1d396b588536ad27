/** Value rendering: random types over random memory, as a damaged program file or a torn read would give them. */
import { assignSignature } from "../../../src/goabi/assign.ts";
import { DEFAULT_LIMITS } from "../../../src/probe/api.ts";
import { planCapture } from "../../../src/probe/captureVariables.ts";
import { MAX_EVENT_BYTES, rootLayout } from "../../../src/protocol/capture.ts";
import type { RawEvent } from "../../../src/protocol/records.ts";
import { renderVariables } from "../../../src/value/render.ts";
import type { Random } from "../random.ts";
import { randomType } from "../randomTypes.ts";
import { check, type FuzzTarget } from "../target.ts";

/** An event holds 16 KiB; a byte as text takes at most 6 characters, punctuation and reasons come on top. */
const MAX_TEXT = 64 * MAX_EVENT_BYTES;

export async function valuesTarget(): Promise<FuzzTarget> {
  return {
    name: "values",
    run(random) {
      const types = Array.from({ length: 1 + random.below(5) }, () => randomType(random, 4));
      const { params } = assignSignature("amd64", random.once(3) ? "stack" : "register", types, []);
      const variables = types.map((type, i) => ({ name: `v${i}`, type, blank: false, location: params[i]! }));
      const plan = planCapture(variables, DEFAULT_LIMITS);
      const values = renderVariables(plan, randomEvent(plan.capture, random), DEFAULT_LIMITS);
      check(values.length === plan.variables.length, "one text for each variable");
      for (const { text } of values) {
        check(text !== "", "an empty text");
        check(text.length <= MAX_TEXT, `a text of ${text.length} characters from an event of ${MAX_EVENT_BYTES} bytes`);
        check(!/[\n\r]/.test(text), "a text of more than one line");
        check(!/\bundefined\b|\[object /.test(text), `JavaScript in a Go text: ${text.slice(0, 100)}`);
      }
    },
  };
}

function randomEvent(
  capture: Parameters<typeof rootLayout>[0] & { slots: readonly { maxBytes: number }[] },
  random: Random,
): RawEvent {
  const { size } = rootLayout(capture);
  const root = random.bytes(size);
  const view = new DataView(root.buffer);
  for (let at = 0; at + 8 <= size; at += 8) {
    // Words are often small, zero, minus one, or look like addresses.
    if (random.once(2))
      view.setBigUint64(at, random.pick([0n, 1n, 5n, 300n, 0xffffffffffffffffn, 0xc000010000n, 1n << 62n]), true);
  }
  return {
    kind: "call",
    probe: 1,
    callId: 1n,
    timeNs: 0n,
    durationNs: 0n,
    pid: 1,
    tid: 1,
    goid: 1n,
    depth: 0n,
    returnAddress: 0n,
    failedPieces: random.once(4) ? random.u32() : 0,
    root: random.once(20) ? root.subarray(0, random.below(size)) : root,
    chunks: capture.slots.flatMap((slot) =>
      random.once(5)
        ? []
        : [
            {
              type: random.below(40),
              wanted: random.u32(),
              address: random.pick([0n, 0xc000010000n, 0xffffffffffffffffn]),
              status: random.once(5) ? ("fault" as const) : ("ok" as const),
              bytes: random.bytes(random.below(Math.min(slot.maxBytes, 4096) + 1)),
            },
          ],
    ),
  };
}
