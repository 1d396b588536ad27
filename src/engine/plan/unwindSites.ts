/**
 * Where the runtime ends calls without a `ret`: by `runtime.Goexit`, or by a panic that a caller recovers. The next call
 * of the same goroutine would show that they are gone, but there may be none. So two places are watched that run only
 * then: the entry of Goexit, and `runtime.recovery`'s call of `runtime.gogo(&gp.sched)`, which goes on in the function
 * that recovered (runtime/panic.go, Go 1.15 to 1.27). What they mean, bpf/open_calls.h knows.
 */
import type { GoBinary } from "../../gobinary/api.ts";
import { decodeFunction } from "../../probe/amd64/decode.ts";
import { findSites } from "../../probe/amd64/functionSites.ts";
import type { WatchSite } from "../trace/probeTable.ts";

/** Nothing where the binary's runtime does not look as it is known: then only later calls tell. */
export async function unwindSites(binary: GoBinary): Promise<WatchSite[]> {
  const sites: WatchSite[] = [];
  const goexit = await goexitSite(binary);
  if (goexit !== undefined) sites.push({ kind: "goexit", site: goexit });
  const resume = await resumeSite(binary);
  if (resume !== undefined) sites.push({ kind: "resume", site: resume });
  return sites;
}

async function goexitSite(binary: GoBinary): Promise<WatchSite["site"] | undefined> {
  const [fn] = await binary.functionsNamed("runtime.Goexit");
  if (fn === undefined) return undefined;
  // R14 is g.
  const sites = findSites({ fn, code: await binary.code(fn), registers: new Set(["RSP", "R14"]) });
  return sites.ok ? sites.entry : undefined;
}

/** gogo is written in assembly, so in every version its argument stands on the stack, where RSP points at the call. */
async function resumeSite(binary: GoBinary): Promise<WatchSite["site"] | undefined> {
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
    address: fn.entry + call.at,
    expected: Buffer.from(code.subarray(call.at, call.at + call.length)).toString("hex"),
    // Nothing is found by it: the argument stands where RSP points.
    cfaOffset: 0,
    skipIfBelowOrEqual: false,
    // branch_setup_xol_ops, arch/x86/kernel/uprobes.c
    kind: "emulated",
  };
}

/** Of a `call rel32`, bytes from the function's first instruction. */
function callTarget(code: Uint8Array, at: number, length: number): number | undefined {
  if (code[at] !== 0xe8 || length !== 5) return undefined;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  return at + length + view.getInt32(at + 1, true);
}
