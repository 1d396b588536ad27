/** Where the runtime is watched for calls that end without a `ret` (unwindWatch.ts says why there). */
import type { GoBinary, GoFunction } from "../../gobinary/api.ts";
import type { PlannedCapture } from "../../probe/api.ts";
import { decodeFunction } from "../../probe/decode.ts";
import { findSites } from "../../probe/site.ts";
import { GOBUF_BYTES, type WatchSite } from "../trace/unwindWatch.ts";

/** Of runtime.g: stack bounds and goroutine id lie in its first 168 bytes in every version. */
const G_BYTES = 256;

/** Nothing where the binary's runtime does not look as it is known: then only later events tell. */
export async function unwindSites(binary: GoBinary): Promise<WatchSite[]> {
  const sites: WatchSite[] = [];
  const goexit = await entrySite(binary, "runtime.Goexit", () => ({ pieces: [], slots: [], masks: [] }));
  if (goexit !== undefined) sites.push({ kind: "goexit", spec: goexit });
  const recovery = await entrySite(binary, "runtime.recovery", followFirstArgument);
  const resume = await resumeSite(binary);
  if (recovery !== undefined && resume !== undefined) {
    sites.push({ kind: "recovery", spec: recovery }, { kind: "resume", spec: resume });
  }
  return sites;
}

async function entrySite(
  binary: GoBinary,
  name: string,
  planOf: (fn: GoFunction) => PlannedCapture,
): Promise<WatchSite["spec"] | undefined> {
  const [fn] = await binary.functionsNamed(name);
  if (fn === undefined) return undefined;
  const sites = findSites({ fn, code: await binary.code(fn), registers: new Set(["RSP", "RAX", "R14"]) });
  if (!sites.ok) return undefined;
  const { offset, expected, cfaOffset, skipIfBelowOrEqual } = sites.entry;
  return { offset, expected, cfaOffset, skipIfBelowOrEqual, plan: planOf(fn) };
}

function followFirstArgument(fn: GoFunction): PlannedCapture {
  return {
    pieces: [
      fn.convention === "register" ? { kind: "register", register: "RAX" } : { kind: "stack", offset: 0, size: 8 },
    ],
    slots: [followed(G_BYTES)],
    masks: [],
  };
}

/** What the only word of the root area points to. */
function followed(size: number): PlannedCapture["slots"][number] {
  return {
    pointer: 0,
    via: { kind: "target", target: { of: "memory", size } },
    length: { kind: "one" },
    maxElements: 1,
    maxBytes: size,
    deepens: false,
  };
}

/** gogo is written in assembly, so in every version its argument stands on the stack, where RSP points at the call. */
async function resumeSite(binary: GoBinary): Promise<WatchSite["spec"] | undefined> {
  const [fn] = await binary.functionsNamed("runtime.recovery");
  const gogo = [
    ...(await binary.functionsNamed("runtime.gogo.abi0")),
    ...(await binary.functionsNamed("runtime.gogo")),
  ];
  if (fn === undefined || gogo.length === 0) return undefined;
  const code = await binary.code(fn);
  const decoded = decodeFunction(code);
  if (!decoded.ok) return undefined;
  const calls = decoded.instructions.filter(({ flow, at, length }) => {
    const target = flow === "call" ? callTarget(code, at, length) : undefined;
    return target !== undefined && gogo.some(({ entry }) => entry === fn.entry + target);
  });
  const [call] = calls;
  if (call === undefined || calls.length !== 1) return undefined;
  return {
    offset: fn.offset + call.at,
    expected: Buffer.from(code.subarray(call.at, call.at + call.length)).toString("hex"),
    // "CFA" is then where RSP points, and the argument stands at CFA + 0.
    cfaOffset: 0,
    skipIfBelowOrEqual: false,
    plan: {
      pieces: [{ kind: "stack", offset: 0, size: 8 }],
      slots: [followed(GOBUF_BYTES)],
      masks: [],
    },
  };
}

/** Of a `call rel32`, bytes from the function's first instruction. */
function callTarget(code: Uint8Array, at: number, length: number): number | undefined {
  if (code[at] !== 0xe8 || length !== 5) return undefined;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  return at + length + view.getInt32(at + 1, true);
}
