/**
 * Where float registers are read: the entry of runtime.sigtrampgo, which every signal of a Go program passes through
 * (runtime/signal_unix.go; the stack ABI's Go has no float registers to read). Its arguments are signal, info and
 * context, in RAX, RBX and RCX; bpf/floats.h reads the first and the last.
 */
import type { GoBinary } from "../../gobinary/api.ts";
import { findSites } from "../../probe/amd64/functionSites.ts";
import type { FunctionPlan, PlannedCapture } from "../../probe/api.ts";
import type { WatchSite } from "../trace/probeTable.ts";

const known = new WeakMap<GoBinary, Promise<WatchSite | undefined>>();

/** Undefined where the binary's runtime does not look as it is known. */
export async function signalSite(binary: GoBinary): Promise<WatchSite | undefined> {
  let site = known.get(binary);
  if (site === undefined) {
    site = findSignalSite(binary);
    known.set(binary, site);
  }
  return await site;
}

async function findSignalSite(binary: GoBinary): Promise<WatchSite | undefined> {
  const found = await binary.functionsNamed("runtime.sigtrampgo");
  const fn = found.find(({ convention }) => convention === "register");
  if (fn === undefined) return undefined;
  const registers = new Set(["RSP", "RAX", "RCX"]);
  const sites = findSites({ fn, code: await binary.code(fn), registers });
  return sites.ok ? { kind: "sigtrampgo", site: sites.entry } : undefined;
}

/** It runs its own copy of the runtime's code (its linker binds functions early), but signals go to its host's. */
export function isPlugin({ buildInfo }: GoBinary): boolean {
  return buildInfo.settings["-buildmode"] === "plugin";
}

export function readsFloats(plans: readonly FunctionPlan[], returns: boolean): boolean {
  const has = ({ pieces }: PlannedCapture): boolean => pieces.some(({ kind }) => kind === "float");
  return plans.some((plan) => has(plan.call.capture) || (returns && has(plan.return.capture)));
}
