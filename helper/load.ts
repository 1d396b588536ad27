/** Loads one session's programs and maps, sized for it, and makes its links. */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import {
  CAPTURE_TYPE,
  type CaptureTableName,
  type CaptureTables,
  MASK,
  MAX_TABLE_BYTES,
  noCaptureTables,
  SLOT,
  TARGET,
  TARGET_KEY_BYTES,
  tablesFault,
} from "../src/protocol/captureTypes.ts";
import { conditionFault, MAX_REASONS } from "../src/protocol/condition.ts";
import { encodeCondition } from "../src/protocol/conditionLayout.ts";
import { decodeCounters, type ProbeCounters } from "../src/protocol/counters.ts";
import type {
  AttachParams,
  CaptureTableParts,
  HitCost,
  OpenCallCount,
  ProbeSpec,
  RemovedParams,
} from "../src/protocol/helperApi.ts";
import { CONFIG, MAX_FLOAT_WAITS, STAGE, UNREAD, UNWINDERS } from "../src/protocol/layout.ts";
import { kernelMonotonicNs } from "../src/protocol/monotonic.ts";
import {
  encodePlan,
  measuresCapture,
  PlanError,
  programClass,
  SIZE_CLASSES,
  type SizeClass,
} from "../src/protocol/planBytes.ts";
import { costOfCapture, costOfHit, costOfSignal, predictedCost, type TrapCosts } from "./cost.ts";
import { CounterMemory } from "./counterMemory.ts";
import { belowPidNamespace, cannotFaultIn, damagedPackage, invalidRequest, limitExceeded, noBpf } from "./failures.ts";
import { type Features, fsbaseOffset, type PidOffsets, pidOffsets } from "./features.ts";
import { lookupMap, possibleCpus, updateMap, updateMapEntries } from "./foreign/maps.ts";
import { type Pointer, SystemCallError } from "./foreign/native.ts";
import {
  closeObject,
  findMap,
  findProgram,
  letSleep,
  loadObject,
  loadProgram,
  mapFd,
  openObject,
  programFd,
  programInstructions,
  reuseMap,
  setAutocreate,
  setAutoload,
  setInitialValue,
  setMaxEntries,
  useUprobeMulti,
} from "./foreign/objects.ts";
import { closeFd } from "./foreign/process.ts";
import type { Bound, GivenUp, LinkRequest } from "./holder.ts";
import { MAX_NESTED_WITHOUT_LOOP, MAX_OPEN_CALLS, type OpenCallTables } from "./openCalls.ts";
import { ownPid } from "./proc.ts";
import type { Scratch } from "./scratch.ts";

/** Calls that wait for their return to decide, 17 KiB each: 32 MiB. */
const PARKED_CALLS = 1920;
/**
 * Threads that hit a probe while links are changed, at the most (bpf/probelens.h, PL_SWITCH_OVER); what finds no room is
 * counted all the same.
 */
const MAX_COUNTED_THREADS = 4096;
/** PL_SWITCH_NO_ENDS */
const SWITCH_NO_ENDS = 2n;
/** One program each is loaded there (see probe_cookie in probelens.bpf.c); 256 take a few hundred milliseconds. */
const MAX_PROBES_WITHOUT_COOKIES = 256;
/** Each takes a descriptor and a system call or two. */
const MAX_PERF_PROBES = 4096;
/** The constant that stands for the probe's index in programs for kernels without cookies. */
const INDEX_PLACEHOLDER = 0x70726f62656c656en;
const LICENSE = "Dual MIT/GPL";

/** CLOCK_MONOTONIC near the helper's start: call ids count from here. */
const BASE_NS = kernelMonotonicNs();

/** See RingReader. */
export interface SessionRing {
  readonly fd: number;
  readonly bytes: number;
  readonly number: number;
}

/** The session's ring, and what sessions of one helper share. */
export interface LoadContext {
  readonly objectPath: string;
  readonly ring: SessionRing;
  readonly scratch: Scratch;
  /** Made for the first session that pairs returns. */
  openCalls(): OpenCallTables;
  readonly features: Features;
  readonly tables?: readonly CaptureTableParts[];
}

interface Site {
  readonly index: number;
  readonly probe: ProbeSpec;
  readonly program: string;
  /** What capturing takes that the program does not measure. */
  readonly captureNs: number;
}

export class LoadedSession {
  readonly probes: readonly ProbeSpec[];
  private readonly object: Pointer;
  private readonly sites: readonly Site[];
  private readonly features: Features;
  private readonly counterMemory: CounterMemory;
  private readonly undecidedFd: number;
  /** By the probe's index: the row of its function in the table of undecided calls. */
  private readonly rows: readonly (number | undefined)[];
  private readonly session: number;
  private readonly openCallTables: OpenCallTables | undefined;
  /** Its programs may wait for memory. */
  private readonly sleepable: boolean;
  /** For kernels without cookies. */
  private readonly ownPrograms: number[] = [];
  private swept = false;
  private closed = false;

  constructor(context: LoadContext, params: AttachParams) {
    this.probes = params.probes;
    this.session = params.session;
    this.features = context.features;
    if (params.probes.some(({ pairReturns }) => pairReturns)) this.openCallTables = context.openCalls();
    const tables = joinTables([...(context.tables ?? []), params.tables ?? {}]);
    const conditions = params.probes
      .map((probe, index) => ({ probe, index }))
      .filter(({ probe }) => probe.condition !== undefined);
    const places = new Map(conditions.map(({ index }, place) => [index, place]));
    this.rows = rowsOf(params.probes);
    this.sleepable = params.faultIn === true;
    if (this.sleepable && !this.features.sleepable) throw cannotFaultIn(release());
    const checked = params.probes.map((probe, index) => {
      const plan = checkedPlan(probe, tables, places.get(index));
      // A record that is reserved while its program waits would hold up the whole ring (bpf/sleepable.h).
      return this.sleepable && isHit(probe.role) ? { ...plan, size: "deep" as const } : plan;
    });
    this.sites = checked.map(({ probe, size }, index) => ({
      index,
      probe,
      program: this.programOf(probe.role, probe.condition === undefined ? size : "where"),
      captureNs: measuresCapture(probe, tables, this.sleepable) ? 0 : costOfCapture(probe.plan, tables),
    }));
    const deep = checked.some(({ probe, size }) => size === "deep" || probe.condition !== undefined);
    this.object = openProbePrograms(context.objectPath);
    try {
      this.configure(params, context, tables, deep);
      this.fillTables(tables, deep);
      const planFd = mapFd(findMap(this.object, "plans"));
      checked.forEach(({ plan }, index) => updateMap(planFd, index, plan));
      for (const [index, place] of places) this.setCondition(params.probes[index]!, place, this.rows[index] ?? 0);
      this.undecidedFd = mapFd(findMap(this.object, "undecided"));
      const counterFd = mapFd(findMap(this.object, "counters"));
      this.counterMemory = new CounterMemory(counterFd, params.probes.length, possibleCpus());
    } catch (error) {
      closeObject(this.object);
      throw error;
    }
  }

  /** What a LinkHolder is to make. `pid` 0: every process. */
  linkRequests(pid: number): LinkRequest[] {
    // Returns and what stands for them first: a call is never opened whose end would go unseen. No signal before it is
    // looked at.
    return (["goexit", "resume", SIGTRAMPGO, "return", "entry"] as const).flatMap((role) => {
      const sites = this.sites.filter(({ probe }) => probe.role === role);
      return this.features.uprobeMulti ? this.multiRequests(sites, pid) : this.perfRequests(sites, pid);
    });
  }

  /** For the holder; `budget`: percent of one core. */
  bound(
    budget: number,
    { target, functions, ledger, traps }: Pick<Bound, "target" | "functions" | "ledger"> & { traps: TrapCosts },
  ): Bound {
    const places = new Map(this.probes.map(({ id }, index) => [id, index]));
    return {
      budget,
      target,
      functions,
      ledger,
      cpus: possibleCpus(),
      counters: mapFd(findMap(this.object, "counters")),
      switches: mapFd(findMap(this.object, "switches")),
      signalNs: costOfSignal(traps),
      probes: this.sites.map(({ index, probe, captureNs }) => ({
        role: this.boundRole(probe),
        entry: places.get(probe.entryId ?? probe.id) ?? index,
        costNs: costOfHit(probe, traps),
        captureNs,
      })),
    };
  }

  costs(traps: TrapCosts): HitCost[] {
    return this.sites.map(({ probe, captureNs }) => predictedCost(probe, captureNs, traps));
  }

  private boundRole({ role, parks }: ProbeSpec): Bound["probes"][number]["role"] {
    if (role === "entry") return parks === true ? "entry that parks" : role;
    if (role === "return") return role;
    // Without cookies it does not know which one it is, and counts nothing.
    return isUnwinder(role) && (this.features.cookies || this.features.uprobeMulti) ? "unwinder" : "watch";
  }

  counters(): ProbeCounters[] {
    // A function's returns before its calls, so that while they go on there are never more ends than calls.
    const counters: ProbeCounters[] = [];
    for (const [index, probe] of [...this.probes.entries()].reverse()) {
      const counted = decodeCounters(probe.id, this.counterMemory.read(index));
      const row = probe.role === "entry" ? this.rows[index] : undefined;
      counters.push(row === undefined ? counted : { ...counted, undecided: this.undecided(row) });
    }
    return counters.reverse();
  }

  /** Calls that are open when every probe is gone; asked once, because it clears the tables. */
  openCalls(): OpenCallCount[] {
    this.swept = true;
    const unread = new Uint8Array(UNREAD.size);
    lookupMap(mapFd(findMap(this.object, "unread")), 0, unread);
    const unreadNs = new DataView(unread.buffer).getBigUint64(UNREAD.returnNs, true);
    const left = this.openCallTables?.sweep(this.session, unreadNs);
    const unwatched = this.probes.some(({ role }, index) => isUnwinder(role) && this.isGivenUp(index));
    return this.probes.flatMap(({ id }, index) => {
      const calls = left?.get(index);
      if (calls === undefined) return [];
      const { open, unknown } = calls;
      // They may have returned, or been unwound, since the probes that would tell were given up.
      return [
        unwatched || this.isGivenUp(index)
          ? { probe: id, open: 0, unknown: open + unknown }
          : { probe: id, open, unknown },
      ];
    });
  }

  /** What the peer is told of it. */
  givenUp({ entry, ...told }: GivenUp): RemovedParams | undefined {
    const probe = this.probes[entry]?.id;
    return probe === undefined ? undefined : { session: this.session, probe, ...told };
  }

  /** The holder has given up this probe, or those of its returns. */
  private isGivenUp(index: number): boolean {
    // struct pl_switch
    const state = new BigUint64Array(2);
    lookupMap(mapFd(findMap(this.object, "switches")), index, new Uint8Array(state.buffer));
    return ((state[0] ?? 0n) & SWITCH_NO_ENDS) !== 0n;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    // The tables outlive a session that came to nothing.
    if (!this.swept) this.openCalls();
    for (const program of this.ownPrograms) closeFd(program);
    this.counterMemory.close();
    closeObject(this.object);
  }

  private setCondition(probe: ProbeSpec, place: number, row: number): void {
    if (probe.condition === undefined) return;
    const fault = conditionFault(probe.condition);
    if (fault !== undefined) throw invalidRequest("attach", `the condition of probe ${probe.id}: ${fault}`);
    updateMap(mapFd(findMap(this.object, "conditions")), place, encodeCondition(probe.condition, row));
  }

  /** By reason, the first one first. */
  private undecided(row: number): number[] {
    const value = new Uint8Array(8);
    return Array.from({ length: MAX_REASONS }, (_, reason) => {
      lookupMap(this.undecidedFd, row * REASON_ROOM + reason + 1, value);
      return Number(new DataView(value.buffer).getBigUint64(0, true));
    });
  }

  private configure(params: AttachParams, context: LoadContext, tables: CaptureTables, deep: boolean): void {
    const used = new Set(this.sites.map(({ program }) => program));
    const conditions = params.probes.filter(({ condition }) => condition !== undefined);
    if (!this.sleepable) {
      if (deep) used.add(this.walkProgram);
      if (conditions.length > 0 && !this.wholeConditions) for (const name of CONDITION_PROGRAMS) used.add(name);
    }
    if (conditions.length > 0 && used.has(SIGTRAMPGO)) used.add(FRAME_CONDITION);
    const programs: Pointer[] = [];
    const sizes = [...SIZE_CLASSES, "deep", "where", "whole_where", "sleepable", "where_sleepable"];
    for (const name of [
      ...sizes.flatMap((size) => [`call_${size}`, `return_${size}`]),
      ...WALK_PROGRAMS,
      ...CONDITION_PROGRAMS,
      FRAME_CONDITION,
      ...UNWIND_PROGRAMS,
      SIGTRAMPGO,
    ]) {
      const program = findProgram(this.object, name);
      setAutoload(program, used.has(name));
      if (!used.has(name)) continue;
      programs.push(program);
      if (name.endsWith("_sleepable")) letSleep(program);
      if (this.features.uprobeMulti) useUprobeMulti(program);
    }
    setMaxEntries(findMap(this.object, "plans"), params.probes.length);
    setMaxEntries(findMap(this.object, "counters"), params.probes.length * possibleCpus());
    setMaxEntries(findMap(this.object, "switches"), params.probes.length);
    if (this.features.uprobeMulti) setMaxEntries(findMap(this.object, "counted"), MAX_COUNTED_THREADS);
    setMaxEntries(findMap(this.object, "conditions"), Math.max(1, conditions.length));
    setMaxEntries(findMap(this.object, "undecided"), Math.max(1, conditions.length) * REASON_ROOM);
    setMaxEntries(findMap(this.object, "parked"), params.probes.some(({ parks }) => parks === true) ? PARKED_CALLS : 1);
    if (used.has(SIGTRAMPGO)) setMaxEntries(findMap(this.object, "float_waits"), MAX_FLOAT_WAITS);
    for (const [name, size] of TABLE_MAPS)
      setMaxEntries(findMap(this.object, mapOf(name)), Math.max(1, tables[name].length / size));
    reuseMap(findMap(this.object, "ring"), context.ring.fd);
    if (this.openCallTables !== undefined) {
      reuseMap(findMap(this.object, "innermost"), this.openCallTables.innermostFd);
      reuseMap(findMap(this.object, "outer_calls"), this.openCallTables.outerFd);
    }
    if (deep) {
      const { memory, template } = context.scratch.open();
      reuseMap(findMap(this.object, "scratch"), memory);
      reuseMap(findMap(this.object, "scratch_template"), template);
    } else {
      // The program of the signal's frame names the scratch memory, for conditions; without any, one entry will do.
      const named = used.has(SIGTRAMPGO) ? ["scratch"] : [];
      for (const name of DEEP_MAPS) if (!named.includes(name)) setAutocreate(findMap(this.object, name), false);
    }
    setInitialValue(findMap(this.object, ".rodata"), encodeConfig(params, this.features, context.ring));
    loadObject(this.object, programs);
    // For themselves: see open_calls.h.
    const unwinders = mapFd(findMap(this.object, "unwinders"));
    for (const [place, name] of UNWINDERS.entries())
      if (used.has(name)) updateMap(unwinders, place, descriptor(findProgram(this.object, name)));
  }

  private programOf(role: ProbeSpec["role"], size: SizeClass | "deep" | "where"): string {
    if (role === SIGTRAMPGO) return role;
    if (isUnwinder(role)) return this.features.loops ? `${role}_loop` : role;
    const where = size === "where" && this.wholeConditions ? "whole_where" : size;
    const kind = !this.sleepable ? where : size === "where" ? "where_sleepable" : "sleepable";
    return `${role === "entry" ? "call" : "return"}_${kind}`;
  }

  /** See where.h. */
  private get wholeConditions(): boolean {
    return this.features.uprobeMulti || this.features.cookies;
  }

  /** See walk.h. */
  private get walkProgram(): (typeof WALK_PROGRAMS)[number] {
    return this.features.loops ? "walk" : "walk_rounds";
  }

  private fillTables(tables: CaptureTables, deep: boolean): void {
    for (const [name, size] of TABLE_MAPS) {
      if (!deep && DEEP_MAPS.includes(mapOf(name))) continue;
      const bytes = tables[name];
      const entries = bytes.length / size;
      const fd = mapFd(findMap(this.object, mapOf(name)));
      if (name === "runtimeTypes" || name === "closures") {
        const { keys, values } = targetEntries(bytes);
        updateMapEntries(fd, keys, values, entries);
      } else
        updateMapEntries(fd, new Uint8Array(Uint32Array.from({ length: entries }, (_, i) => i).buffer), bytes, entries);
    }
    if (!deep) return;
    const stages = mapFd(findMap(this.object, "stages"));
    const conditions = this.probes.some(({ condition }) => condition !== undefined);
    if (conditions && this.probes.some(({ role }) => role === SIGTRAMPGO))
      updateMap(stages, STAGE.frame, descriptor(findProgram(this.object, FRAME_CONDITION)));
    if (this.sleepable) return;
    updateMap(stages, STAGE.walk, descriptor(findProgram(this.object, this.walkProgram)));
    if (!conditions || this.wholeConditions) return;
    updateMap(stages, STAGE.callCondition, descriptor(findProgram(this.object, "call_condition")));
    updateMap(stages, STAGE.returnCondition, descriptor(findProgram(this.object, "return_condition")));
  }

  private multiRequests(sites: readonly Site[], pid: number): LinkRequest[] {
    return [...new Set(sites.map(({ program }) => program))].map((name) => ({
      kind: "multi",
      program: programFd(findProgram(this.object, name)),
      pid,
      sites: sites
        .filter(({ program }) => program === name)
        .map(({ index, probe }) => ({ offset: probe.offset, index })),
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
    return sites.map(({ index, probe: { offset, role }, program }) => {
      const loaded = findProgram(this.object, program);
      const place = { kind: "perf", pid, pmu, offset, index, cookies } as const;
      if (cookies) return { ...place, program: programFd(loaded) };
      // These are the same for every probe.
      if (isUnwinder(role) || role === SIGTRAMPGO) return { ...place, program: programFd(loaded) };
      const own = loadProgram(withIndex(programInstructions(loaded), index), LICENSE);
      this.ownPrograms.push(own);
      return { ...place, program: own };
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

/** A program as the value of a map of programs. */
function descriptor(program: Pointer): Uint8Array {
  return new Uint8Array(Uint32Array.of(programFd(program)).buffer);
}

function isHit(role: ProbeSpec["role"]): boolean {
  return role === "entry" || role === "return";
}

function isUnwinder(role: ProbeSpec["role"]): boolean {
  return UNWINDERS.some((unwinder) => unwinder === role);
}

/** A role, and its program. */
const SIGTRAMPGO = "sigtrampgo";
const WALK_PROGRAMS = ["walk", "walk_rounds"] as const;
const CONDITION_PROGRAMS = ["call_condition", "return_condition"] as const;
/** Goes on from `sigtrampgo` where a condition waits for the float registers of its own hit. */
const FRAME_CONDITION = "frame_condition";
/** Of one row: the reasons, and one place that is none (PL_REASONS). */
const REASON_ROOM = MAX_REASONS + 1;
const UNWIND_PROGRAMS = UNWINDERS.flatMap((name) => [name, `${name}_loop`]);
const TABLE_MAPS: readonly (readonly [CaptureTableName, number])[] = [
  ["types", CAPTURE_TYPE.size],
  ["slots", SLOT.size],
  ["masks", MASK.size],
  ["runtimeTypes", TARGET.size],
  ["closures", TARGET.size],
];
/** Used by the programs of deep plans only. */
const DEEP_MAPS: readonly string[] = ["masks", "runtime_types", "closures", "scratch", "scratch_template"];

function mapOf(table: CaptureTableName): string {
  return table === "runtimeTypes" ? "runtime_types" : table;
}

/** A plan's bytes, and which program carries it out. */
function checkedPlan(
  probe: ProbeSpec,
  tables: CaptureTables,
  condition: number | undefined,
): { probe: ProbeSpec; plan: Uint8Array; size: SizeClass | "deep" } {
  try {
    return { probe, plan: encodePlan(probe, tables, condition), size: programClass(probe.plan, tables) };
  } catch (error) {
    if (error instanceof PlanError)
      throw invalidRequest("attach", `the capture plan of probe ${probe.id}: ${error.message}`);
    throw error;
  }
}

/** A function's entry and return probes share the row of the entry. */
function rowsOf(probes: readonly ProbeSpec[]): (number | undefined)[] {
  const rows = new Map<number, number>();
  for (const { id, role, condition } of probes)
    if (role === "entry" && condition !== undefined) rows.set(id, rows.size);
  return probes.map(({ id, role, entryId }) => rows.get(role === "entry" ? id : (entryId ?? id)));
}

/** Tables from the parts in which they came. */
function joinTables(parts: readonly CaptureTableParts[]): CaptureTables {
  const joined = { ...noCaptureTables() };
  for (const [name] of TABLE_MAPS) {
    const pieces = parts.flatMap((part) => (part[name] === undefined ? [] : [Buffer.from(part[name], "base64")]));
    if (pieces.length === 0) continue;
    const total = pieces.reduce((sum, { length }) => sum + length, 0);
    if (total > MAX_TABLE_BYTES[name])
      throw limitExceeded(
        "taking the capture types",
        `the table ${name} has ${total} bytes, more than ${MAX_TABLE_BYTES[name]}`,
        "Trace fewer functions at once",
      );
    joined[name] = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, total);
  }
  const fault = tablesFault(joined);
  if (fault !== undefined) throw invalidRequest("attach", fault);
  return joined;
}

function targetEntries(bytes: Uint8Array): { keys: Uint8Array; values: Uint8Array } {
  const entries = bytes.length / TARGET.size;
  const keys = new Uint8Array(entries * TARGET_KEY_BYTES);
  const values = new Uint8Array(entries * (TARGET.size - TARGET_KEY_BYTES));
  for (let index = 0; index < entries; index++) {
    const at = index * TARGET.size;
    keys.set(bytes.subarray(at, at + TARGET_KEY_BYTES), index * TARGET_KEY_BYTES);
    values.set(bytes.subarray(at + TARGET_KEY_BYTES, at + TARGET.size), index * (TARGET.size - TARGET_KEY_BYTES));
  }
  return { keys, values };
}

function encodeConfig(params: AttachParams, features: Features, ring: SessionRing): Uint8Array {
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
  view.setUint32(CONFIG.labelsOffset, goroutine.labelsOffset ?? 0, true);
  view.setUint32(CONFIG.session, params.session, true);
  view.setUint32(CONFIG.faultIn, params.faultIn === true ? 1 : 0, true);
  view.setUint32(CONFIG.probes, params.probes.length, true);
  view.setUint32(CONFIG.maxNested, features.loops ? MAX_OPEN_CALLS : MAX_NESTED_WITHOUT_LOOP, true);
  view.setUint16(CONFIG.ringBits, Math.log2(ring.bytes), true);
  view.setUint16(CONFIG.ringNumber, ring.number, true);
  const offsets = numbersAbove(params, features);
  if (offsets !== undefined) {
    view.setUint32(CONFIG.taskPid, offsets.taskPid, true);
    view.setUint32(CONFIG.taskLeader, offsets.taskLeader, true);
    view.setUint32(CONFIG.pidLevel, offsets.pidLevel, true);
    view.setUint32(CONFIG.pidNumbers, offsets.pidNumbers, true);
    view.setUint32(CONFIG.pidnsInum, offsets.pidnsInum, true);
  }
  return new Uint8Array(view.buffer);
}

/** For processes in a pid namespace below the helper's own, where that one is not the initial one. */
function numbersAbove({ target }: AttachParams, { pidNamespace }: Features): PidOffsets | undefined {
  if (pidNamespace === undefined) return undefined;
  if (target.kind !== "process") return pidOffsets();
  if (ownPid(target.pid).namespace === pidNamespace.inode) return undefined;
  const offsets = pidOffsets();
  if (offsets === undefined) throw belowPidNamespace(target.pid);
  return offsets;
}

/** bpf_get_ns_current_pid_tgid compares with new_encode_dev's kernel-internal `dev_t` (major << 20 | minor). */
function kernelDevice(device: bigint): bigint {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return (major << 20n) | minor;
}

/** Replaces the placeholder of probe_cookie: an `lddw`, two instruction slots with the halves of the constant. */
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
