/** Stacks out of copied words: whole ones, and each reason for which one ends early. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CapturedStack, capturedStack, type Stack, StackTable } from "../../../../src/engine/trace/stacks.ts";
import type { CodeFrame, CodeFrames } from "../../../../src/gobinary/api.ts";
import { FRAME_BYTES } from "../../../../src/probe/capture/shape.ts";
import type { Chunk, RawEvent } from "../../../../src/protocol/records.ts";
import { rawEvent } from "./plans.ts";

const frame = (func: string, wrapper = false): CodeFrame => ({ func, file: "/a.go", line: 1, wrapper });

/** By the call's address: what stands there. Each frame has 0x18 bytes. */
const CODE: Readonly<Record<number, CodeFrames>> = {
  0x10ff: { frames: [frame("main.inlined"), frame("main.caller")], stack: 0x18 },
  0x11ff: { frames: [frame("main.(*T).M", true)], stack: 0x18 },
  0x12ff: { frames: [frame("main.main")], stack: 0x18 },
  0x13ff: { frames: [frame("runtime.main")], stack: 0x18 },
  0x14ff: { frames: [frame("runtime.goexit")], stack: 0 },
  0x15ff: { frames: [frame("runtime.gopanic")], stack: 0x18 },
  0x16ff: { frames: [frame("runtime.sigpanic")], stack: 0x18 },
  /** The faulting instruction itself, in a function without a frame. */
  0x1700: { frames: [frame("main.leaf")], stack: 0 },
  0x18ff: { frames: [frame("runtime.systemstack")] },
  0x19ff: { frames: [frame("runtime.mstart")], stack: 0x18 },
};

const CFA = 0x8000;
/** From one CFA to the next. */
const FRAME = 0x20;

/** A stack on which these return addresses stand, one frame above the other. */
function onStack(returns: readonly number[], changes: Partial<CapturedStack> = {}): CapturedStack {
  const words = new Map(returns.slice(1).map((address, index) => [CFA + FRAME * (index + 1) - 8, address]));
  return { callee: "main.traced", bias: 0, returnAddress: returns[0]!, cfa: CFA, room: 0, words, ...changes };
}

async function unwound(captured: CapturedStack): Promise<Stack> {
  const table = new StackTable({ framesOf: async (address) => CODE[address] });
  for (;;) {
    const stack = table.unwind(captured);
    if (typeof stack !== "number") return stack;
    await table.load(stack);
  }
}

async function shown(captured: CapturedStack): Promise<string> {
  const { stack, stackCut } = await unwound(captured);
  return [...stack.map(({ func }) => func), ...(stackCut === undefined ? [] : [`… ${stackCut}`])].join(" ");
}

test("inlined frames are expanded, wrappers and what starts the goroutine are left out", async () => {
  assert.equal(await shown(onStack([0x1100, 0x1200, 0x1300, 0x1400, 0x1500])), "main.inlined main.caller main.main");
  assert.equal(await shown(onStack([0x1500])), "");
  assert.equal(await shown(onStack([0x1100, 0x1a00])), "main.inlined main.caller runtime.mstart");
});

test("a wrapper that panics is shown", async () => {
  const panicking = onStack([0x1600, 0x1200, 0x1300, 0x1500]);
  assert.equal(await shown(panicking), "runtime.gopanic main.(*T).M main.main");
});

test("what a trap interrupted is at the very address, and may have no frame", async () => {
  const words = new Map([
    [CFA + FRAME - 8, 0x1700],
    [CFA + FRAME, 0x1300],
    [CFA + 2 * FRAME, 0x1500],
  ]);
  assert.equal(await shown(onStack([0x1700], { words })), "runtime.sigpanic main.leaf main.main");
});

test("an inlined call's stack begins where it was inlined", async () => {
  const inlined = onStack([0x1300, 0x1500], { callee: "main.small", inlinedAt: 0x10ff });
  assert.equal(await shown(inlined), "main.inlined main.caller main.main");
});

test("each reason for which a stack ends early", async () => {
  const two = [0x1100, 0x1300];
  const cases: readonly (readonly [CapturedStack, string])[] = [
    [onStack(two), "main.inlined main.caller main.main … main.main keeps no frame pointer"],
    [
      onStack([0x1100, 0x1900]),
      "main.inlined main.caller runtime.systemstack … runtime.systemstack changes to another stack",
    ],
    [
      onStack([0x1100, 0x9999]),
      "main.inlined main.caller … main.caller was called from 0x9999: no Go function of the file",
    ],
    [
      onStack([0x1100, -0x7ffe8000], { bias: 0x7fff0000 }),
      "main.inlined main.caller … main.caller was called from 0x8000: no Go function of the file",
    ],
    [
      onStack(two, { full: "bytes" }),
      "main.inlined main.caller main.main … the event has no room for more of it (bytes)",
    ],
    [
      onStack(two, { words: new Map([[CFA + FRAME - 8, undefined]]) }),
      "main.inlined main.caller … memory not resident",
    ],
    [
      onStack([0x1100, 0x1300, 0x1500], { room: FRAME + 8 }),
      "main.inlined main.caller main.main … the frame of main.main would not lie on the goroutine's stack",
    ],
    [onStack(Array<number>(65).fill(0x1300)), `${"main.main ".repeat(65)}… only 64 frames are followed`],
  ];
  for (const [captured, expected] of cases) assert.equal(await shown(captured), expected);
});

/** Saved frame pointer, return address, and the word above. */
function chunk(address: number, words: readonly number[], bytes = FRAME_BYTES): Chunk {
  const view = new DataView(new ArrayBuffer(FRAME_BYTES));
  words.forEach((word, index) => view.setBigUint64(8 * index, BigInt(word), true));
  const status = bytes < FRAME_BYTES ? "fault" : "ok";
  return {
    address: BigInt(address),
    type: 9,
    status,
    wanted: FRAME_BYTES,
    bytes: new Uint8Array(view.buffer, 0, bytes),
  };
}

test("words are taken from the chunks of frames, less the load bias", () => {
  const plan = {
    capture: { pieces: [], slots: [], masks: [] },
    variables: [],
    context: new Map([["RSP", 8] as const]),
  };
  const root = new Uint8Array(16);
  new DataView(root.buffer).setBigUint64(8, 0x7ff8n, true);
  const raw: RawEvent = {
    ...rawEvent("call", 100, 5, { returnAddress: 0x401100n }),
    root,
    depth: 0x100n,
    chunks: [chunk(0x8010, [0x8030, 0x401300, 0x401500]), chunk(0x9000, [0, 0x401400, 0], 16), chunk(0xa000, [1], 8)],
  };
  const captured = capturedStack(raw, plan, 8, 0x400000, { callee: "main.traced" });
  assert.deepEqual(captured, {
    callee: "main.traced",
    bias: 0x400000,
    returnAddress: 0x1100,
    cfa: 0x8000,
    room: 0x100,
    words: new Map([
      [0x8018, 0x1300],
      [0x8020, 0x1500],
      [0x9008, 0x1400],
      [0x9010, undefined],
      [0xa008, undefined],
      [0xa010, undefined],
    ]),
  });
  assert.deepEqual(capturedStack(raw, plan, 8, undefined, { callee: "main.traced" }), {
    stack: [],
    stackCut: "it is not known where the program is loaded",
  });
  assert.equal(capturedStack(raw, { ...plan, context: new Map() }, 8, 0, { callee: "main.traced" }), undefined);
});
