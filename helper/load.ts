/** Loads one session's programs and maps, sized for it, and makes its links. */
import { readFileSync } from "node:fs";
import type { ProbeCounters } from "../src/protocol/capture.ts";
import type { AttachParams, ProbeSpec } from "../src/protocol/helperApi.ts";
import { CONFIG, COUNTERS, SIZE_CLASSES, type SizeClass } from "../src/protocol/layout.ts";
import { decodeCounters, encodePlan, PlanError, sizeClass } from "../src/protocol/records.ts";
import { damagedPackage, invalidRequest, limitExceeded, noBpf } from "./failures.ts";
import { type Features, fsbaseOffset } from "./features.ts";
import type { LinkRequest } from "./holder.ts";
import {
  closeFd,
  closeObject,
  findMap,
  findProgram,
  loadObject,
  loadProgram,
  lookupMap,
  mapFd,
  openObject,
  type Pointer,
  possibleCpus,
  programFd,
  programInstructions,
  reuseMap,
  SystemCallError,
  setAutoload,
  setInitialValue,
  setMaxEntries,
  updateMap,
  useUprobeMulti,
} from "./libbpf.ts";

/** Calls in progress that can be paired with their returns, some 150 bytes each; the oldest are forgotten first. */
const OPEN_CALLS = { base: 16384, perFunction: 1024, max: 65536 } as const;
/** One program each is loaded there (see probe_index in probelens.bpf.c); 256 take a few hundred milliseconds. */
const MAX_PROBES_WITHOUT_COOKIES = 256;
/** Each takes a descriptor and a system call or two. */
const MAX_PERF_PROBES = 4096;
/** The constant that stands for the probe's index in programs for kernels without cookies. */
const INDEX_PLACEHOLDER = 0x70726f62656c656en;
const LICENSE = "Dual MIT/GPL";

/** CLOCK_MONOTONIC near the helper's start: call ids count from here. */
const BASE_NS = process.hrtime.bigint();

interface Site {
  readonly index: number;
  readonly probe: ProbeSpec;
  readonly program: string;
}

export class LoadedSession {
  readonly probes: readonly ProbeSpec[];
  private readonly object: Pointer;
  private readonly sites: readonly Site[];
  private readonly features: Features;
  private readonly counterFd: number;
  /** For kernels without cookies. */
  private readonly ownPrograms: number[] = [];
  private closed = false;

  constructor(objectPath: string, ringFd: number, features: Features, params: AttachParams) {
    this.probes = params.probes;
    this.features = features;
    const plans = params.probes.map((probe) => encodeProbe(probe));
    this.sites = params.probes.map((probe, index) => ({
      index,
      probe,
      program: `${probe.role === "entry" ? "call" : "return"}_${classOf(probe)}`,
    }));
    this.object = openProbePrograms(objectPath);
    try {
      this.configure(params, ringFd);
      const planFd = mapFd(findMap(this.object, "plans"));
      plans.forEach((plan, index) => updateMap(planFd, index, plan));
      this.counterFd = mapFd(findMap(this.object, "counters"));
    } catch (error) {
      closeObject(this.object);
      throw error;
    }
  }

  /** What a LinkHolder is to make. `pid` 0: every process. */
  linkRequests(pid: number): LinkRequest[] {
    // Returns first: a call is never opened whose return would go unseen.
    return (["return", "entry"] as const).flatMap((role) => {
      const sites = this.sites.filter(({ probe }) => probe.role === role);
      return this.features.uprobeMulti ? this.multiRequests(sites, pid) : this.perfRequests(sites, pid);
    });
  }

  counters(): ProbeCounters[] {
    const bytes = new Uint8Array(possibleCpus() * COUNTERS.size);
    return this.probes.map((probe, index) => {
      lookupMap(this.counterFd, index, bytes);
      return decodeCounters(probe.id, bytes);
    });
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const program of this.ownPrograms) closeFd(program);
    closeObject(this.object);
  }

  private configure(params: AttachParams, ringFd: number): void {
    const used = new Set(this.sites.map(({ program }) => program));
    const programs: Pointer[] = [];
    for (const size of SIZE_CLASSES)
      for (const name of [`call_${size}`, `return_${size}`]) {
        const program = findProgram(this.object, name);
        setAutoload(program, used.has(name));
        if (!used.has(name)) continue;
        programs.push(program);
        if (this.features.uprobeMulti) useUprobeMulti(program);
      }
    const paired = params.probes.filter(({ pairReturns }) => pairReturns).length;
    const openCalls = Math.min(OPEN_CALLS.max, OPEN_CALLS.base + paired * OPEN_CALLS.perFunction);
    setMaxEntries(findMap(this.object, "plans"), params.probes.length);
    setMaxEntries(findMap(this.object, "counters"), params.probes.length);
    setMaxEntries(findMap(this.object, "open_calls"), paired > 0 ? openCalls : 1);
    reuseMap(findMap(this.object, "ring"), ringFd);
    setInitialValue(findMap(this.object, ".rodata"), encodeConfig(params, this.features));
    loadObject(this.object, programs);
  }

  private multiRequests(sites: readonly Site[], pid: number): LinkRequest[] {
    return [...new Set(sites.map(({ program }) => program))].map((name) => ({
      kind: "multi",
      program: programFd(findProgram(this.object, name)),
      pid,
      sites: sites
        .filter(({ program }) => program === name)
        .map(({ index, probe }) => ({ offset: probe.offset, cookie: index })),
    }));
  }

  private perfRequests(sites: readonly Site[], pid: number): LinkRequest[] {
    const { cookies, uprobePmu: pmu } = this.features;
    const limit = cookies ? MAX_PERF_PROBES : MAX_PROBES_WITHOUT_COOKIES;
    if (this.sites.length > limit)
      throw limitExceeded(
        "attaching the probes",
        `this kernel takes probes one by one, and ${this.sites.length} are more than ${limit}`,
        "Trace fewer functions at once, or use Linux 6.6.35 or later",
      );
    if (pmu === undefined)
      throw noBpf("attaching the probes", new SystemCallError("finding the uprobe event source", 38));
    return sites.map(({ index, probe: { offset }, program }) => {
      const loaded = findProgram(this.object, program);
      if (cookies) return { kind: "perf", program: programFd(loaded), pid, pmu, offset, cookie: index };
      const own = loadProgram(withIndex(programInstructions(loaded), index), LICENSE);
      this.ownPrograms.push(own);
      return { kind: "perf", program: own, pid, pmu, offset };
    });
  }
}

function openProbePrograms(path: string): Pointer {
  try {
    return openObject(readFileSync(path));
  } catch (error) {
    throw damagedPackage(path, error);
  }
}

function encodeProbe(probe: ProbeSpec): Uint8Array {
  try {
    return encodePlan(probe);
  } catch (error) {
    if (error instanceof PlanError)
      throw invalidRequest("attach", `the capture plan of probe ${probe.id}: ${error.message}`);
    throw error;
  }
}

function classOf(probe: ProbeSpec): SizeClass {
  try {
    return sizeClass(probe.plan);
  } catch (error) {
    if (error instanceof PlanError)
      throw invalidRequest("attach", `the capture plan of probe ${probe.id}: ${error.message}`);
    throw error;
  }
}

function encodeConfig(params: AttachParams, features: Features): Uint8Array {
  const view = new DataView(new ArrayBuffer(CONFIG.size));
  const { goroutine, target } = params;
  view.setBigUint64(CONFIG.baseNs, BASE_NS, true);
  view.setBigUint64(CONFIG.pidnsDev, kernelDevice(features.pidNamespace?.device ?? 0n), true);
  view.setBigUint64(CONFIG.pidnsIno, features.pidNamespace?.inode ?? 0n, true);
  view.setUint32(CONFIG.tgid, target.kind === "process" ? target.pid : 0, true);
  view.setUint32(CONFIG.cookies, features.uprobeMulti || features.cookies ? 1 : 0, true);
  view.setUint32(CONFIG.gInRegister, goroutine.source === "register" ? 1 : 0, true);
  view.setInt32(CONFIG.tlsOffset, goroutine.tlsOffset, true);
  view.setUint32(CONFIG.fsbaseOffset, goroutine.source === "tls" ? (fsbaseOffset() ?? 0) : 0, true);
  view.setUint32(CONFIG.goidOffset, goroutine.goidOffset, true);
  view.setUint32(CONFIG.stackHiOffset, goroutine.stackHiOffset, true);
  return new Uint8Array(view.buffer);
}

/** bpf_get_ns_current_pid_tgid compares with new_encode_dev's kernel-internal `dev_t` (major << 20 | minor). */
function kernelDevice(device: bigint): bigint {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return (major << 20n) | minor;
}

/** Replaces the placeholder of probe_index: an `lddw`, two instruction slots with the halves of the constant. */
function withIndex(instructions: Uint8Array, index: number): Uint8Array {
  const LDDW = 0x18;
  const view = new DataView(instructions.buffer, instructions.byteOffset, instructions.length);
  let replaced = 0;
  for (let at = 0; at + 16 <= instructions.length; at += 8) {
    if (instructions[at] !== LDDW || (instructions[at + 1] ?? 0) >> 4 !== 0) continue;
    const value = BigInt(view.getUint32(at + 4, true)) | (BigInt(view.getUint32(at + 12, true)) << 32n);
    at += 8;
    if (value !== INDEX_PLACEHOLDER) continue;
    view.setUint32(at - 4, index, true);
    view.setUint32(at + 4, 0, true);
    replaced++;
  }
  if (replaced === 0) throw new Error("the probe program has no place for its index");
  return instructions;
}
