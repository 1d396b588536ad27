/**
 * Where to put the probes: the cheapest instruction that runs exactly once per call while the arguments still stand
 * where the caller put them, and every `ret`.
 *
 * Go's prologue (cmd/internal/obj/x86/obj6.go, preprocess and stacksplit) compares SP with the goroutine's limit and
 * branches to a block that calls runtime.morestack and jumps back to the first instruction. So the first instruction
 * runs more than once when the stack grows or the goroutine is preempted; what follows the check runs once.
 */
import { type Refusal, refuse } from "../../goabi/refusal.ts";
import type { GoFunction } from "../../gobinary/api.ts";
import { USUAL_TRAP_NS } from "../../protocol/budget.ts";
import type { ProbeSite } from "../api.ts";
import { decodeFunction, effectsOf, formatInstruction, frameMove, type Instruction, whereItLeads } from "./decode.ts";
import { kernelHandling } from "./kernelSupport.ts";
import { CFA_AT_ENTRY, cfaBehind, type EntryState } from "./obligations.ts";

export interface SiteInput extends EntryState {
  readonly fn: Pick<GoFunction, "entry" | "offset">;
}

export type Sites =
  | {
      readonly ok: true;
      readonly entry: ProbeSite;
      readonly returns: readonly ProbeSite[];
      readonly jumpsAway: boolean;
    }
  | Refusal;

export function findSites(input: SiteInput): Sites {
  const chosen = choosePlaces(input);
  if (!chosen.ok) return chosen;
  const { instructions, place, check } = chosen.entry;
  const site = siteAt(input, place);
  const jumpsAway = instructions.some(
    ({ flow: kind, target }) =>
      kind === "tailCall" ||
      ((kind === "jump" || kind === "branch") && target !== undefined && (target < 0 || target >= input.code.length)),
  );
  return {
    ok: true,
    entry: check === undefined ? site : { ...site, ...afterFailedCheck(input, instructions, check, site) },
    returns: chosen.returns.map((at) => siteAt(input, at)),
    jumpsAway,
  };
}

/** Why `findSites` refuses a function, a clause; much faster than that, for many functions. */
export function whyNoSites(input: SiteInput): string | undefined {
  const chosen = choosePlaces(input);
  return chosen.ok ? undefined : chosen.reason;
}

/** An instruction that the kernel accepts a probe on, and what holds there. */
interface Place {
  readonly instruction: Instruction;
  readonly kind: ProbeSite["kind"];
  readonly cfaOffset: number;
  readonly skipIfBelowOrEqual: boolean;
}

type Places = { readonly ok: true; readonly entry: EntryPlace; readonly returns: readonly Place[] } | Refusal;

function choosePlaces(input: SiteInput): Places {
  const decoded = decodeFunction(input.code);
  if (!decoded.ok) return refuse(`its machine code cannot be decoded: ${decoded.reason}`);
  const { instructions } = decoded;
  const flow = controlFlow(instructions, input.code.length);
  if (!flow.ok) return flow;
  const entry = entryPlace(input, instructions, flow);
  if (!entry.ok) return entry;
  const returns: Place[] = [];
  for (const [index, instruction] of instructions.entries()) {
    if (instruction.flow !== "return") continue;
    const place = returnPlace(input, instructions, index, flow);
    if (place === undefined) {
      return refuse(`the kernel accepts no probe on its return at +${instruction.at}`);
    }
    returns.push(place);
  }
  return { ok: true, entry, returns };
}

/** Instructions looked at before a site is settled: a block without one so far has no cheap one worth the search. */
const MAX_ENTRY_INSTRUCTIONS = 64;

interface ControlFlow {
  readonly ok: true;
  /** Targets of direct jumps and branches inside the function, with the places they come from. */
  readonly sources: ReadonlyMap<number, readonly number[]>;
  /** A jump table can lead to any block. */
  readonly hasJumpTable: boolean;
}

function controlFlow(instructions: readonly Instruction[], size: number): ControlFlow | Refusal {
  const starts = new Set(instructions.map((instruction) => instruction.at));
  const sources = new Map<number, number[]>();
  let hasJumpTable = false;
  for (const { at, flow, target } of instructions) {
    if (flow === "jumpTable") hasJumpTable = true;
    if (target === undefined || target < 0 || target >= size) continue;
    if (!starts.has(target)) {
      return refuse(`its machine code cannot be decoded: +${at} branches into the middle of +${target}`);
    }
    const list = sources.get(target);
    if (list === undefined) sources.set(target, [at]);
    else list.push(at);
  }
  return { ok: true, sources, hasJumpTable };
}

interface EntryPlace {
  readonly ok: true;
  readonly instructions: readonly Instruction[];
  readonly place: Place;
  readonly check?: StackCheck;
}

function entryPlace(input: SiteInput, instructions: readonly Instruction[], flow: ControlFlow): EntryPlace | Refusal {
  const check = stackCheck(instructions, flow);
  if (check !== undefined) {
    const place = placeAfterCheck(input, instructions, check.last, flow);
    if (place !== undefined) return { ok: true, instructions, place, check };
  } else if (flow.sources.has(0)) {
    return refuse("a loop leads back to its first instruction, so hits would not equal calls");
  } else if (tableMayReach(input.code, instructions, flow, 0)) {
    return refuse("a jump table may lead back to its first instruction, so hits would not equal calls");
  } else {
    const place = placeInEntryBlock(input, instructions, 0, CFA_AT_ENTRY, flow);
    if (place !== undefined) return { ok: true, instructions, place };
  }
  if (check !== undefined) {
    return refuse("no instruction after its stack check runs once per call with the arguments in place");
  }
  const first = instructions[0]!;
  const place = placeAt(input, first, CFA_AT_ENTRY, false);
  if (place === undefined) {
    return refuse(`the kernel accepts no probe on its first instruction (${format(input, first)})`);
  }
  return { ok: true, instructions, place };
}

interface StackCheck {
  /** Index of its last branch. */
  readonly last: number;
  /** What it runs when it fails, up to the jump back. */
  readonly block: readonly Instruction[];
}

/**
 * Undefined where the function has none. A check is the straight code from the first instruction whose forward branches
 * all lead to one block that jumps back to the first instruction.
 */
function stackCheck(instructions: readonly Instruction[], flow: ControlFlow): StackCheck | undefined {
  const backJumps = flow.sources.get(0);
  if (backJumps?.length !== 1) return undefined;
  const back = instructions.findIndex((instruction) => instruction.at === backJumps[0]);
  if (instructions[back]?.flow !== "jump") return undefined;
  // The block before the jump back spills, calls morestack and reloads: no branch, exactly one call.
  let first = back;
  let calls = 0;
  while (first > 0 && !flow.sources.has(instructions[first]!.at)) {
    first--;
    const { flow: kind } = instructions[first]!;
    if (kind === "call") calls++;
    else if (kind !== "next") return undefined;
  }
  if (calls !== 1) return undefined;
  const block = instructions[first]!.at;
  let last: number | undefined;
  for (let index = 0; index < Math.min(instructions.length, MAX_ENTRY_INSTRUCTIONS); index++) {
    const { at, flow: kind, target } = instructions[index]!;
    if (index > 0 && flow.sources.has(at)) break;
    if (kind === "branch") {
      if (target !== block) break;
      last = index;
    } else if (kind !== "next") break;
  }
  // Every way into the block must be one of the check's branches: otherwise it is a loop of the function itself.
  const intoBlock = flow.sources.get(block) ?? [];
  const lastAt = last === undefined ? -1 : instructions[last]!.at;
  if (last === undefined || intoBlock.some((source) => source > lastAt)) return undefined;
  return { last, block: instructions.slice(first, back) };
}

/** What is known at the site of a call whose stack check failed. */
function afterFailedCheck(
  { code, fn }: SiteInput,
  instructions: readonly Instruction[],
  { block }: StackCheck,
  site: ProbeSite,
): Pick<ProbeSite, "restored" | "cameBack"> {
  const restored = restoredBy(code, block);
  const before = instructions.filter(({ at }) => fn.entry + at < site.address);
  const call = block.find(({ flow }) => flow === "call")!;
  const behindCall = call.at + call.length;
  // runtime.gogo jumps through RBX (runtime/asm_amd64.s, Go 1.17 to 1.27) to where morestack's call returns.
  const isKept = [...block.filter(({ at }) => at >= behindCall), ...before].every(
    ({ at }) => !effectsOf(code, at).writes.includes("RBX"),
  );
  return { restored, ...(isKept ? { cameBack: { register: "RBX", address: fn.entry + behindCall } } : {}) };
}

/**
 * Registers that this block stores on the stack before its call and loads from there behind it. A function that uses none
 * of its register arguments keeps none of them (cmd/compile/internal/amd64/ssa.go, OpArgIntReg: only such a value adds the
 * spills): after a stack check that failed they hold whatever runtime.morestack left in them.
 */
function restoredBy(code: Uint8Array, block: readonly Instruction[]): string[] {
  const saved = new Map<string, number>();
  const restored = new Set<string>();
  let called = false;
  for (const { at, flow } of block) {
    if (flow === "call") called = true;
    const move = frameMove(code, at);
    if (move === undefined) {
      for (const register of effectsOf(code, at).writes) restored.delete(register);
      continue;
    }
    const { register, fromRsp, stores } = move;
    if (stores && !called) saved.set(register, fromRsp);
    else if (!stores && called && saved.get(register) === fromRsp) restored.add(register);
  }
  return [...restored];
}

/** Directly after the check a `push rbp`; else the check's last branch, where it is a `jbe`; else what follows. */
function placeAfterCheck(
  input: SiteInput,
  instructions: readonly Instruction[],
  check: number,
  flow: ControlFlow,
): Place | undefined {
  for (let index = 0; index <= check; index++) {
    if (disturbs(input, instructions[index]!)) return undefined;
  }
  const next = instructions[check + 1];
  if (next === undefined || flow.sources.has(next.at)) return undefined;
  const branch = instructions[check]!;
  if (!isPushRbp(input.code, next) && isJbe(input.code, branch)) {
    const place = placeAt(input, branch, CFA_AT_ENTRY, true);
    if (place !== undefined) return place;
  }
  return (
    placeInEntryBlock(input, instructions, check + 1, CFA_AT_ENTRY, flow) ?? placeAt(input, next, CFA_AT_ENTRY, false)
  );
}

/**
 * The first kernel-emulated instruction from `from` on, before any branch target and any instruction that breaks an
 * obligation (obligations.ts).
 */
function placeInEntryBlock(
  input: SiteInput,
  instructions: readonly Instruction[],
  from: number,
  cfaAtFrom: number,
  flow: ControlFlow,
): Place | undefined {
  let cfaOffset = cfaAtFrom;
  for (let index = from; index < Math.min(instructions.length, from + MAX_ENTRY_INSTRUCTIONS); index++) {
    const instruction = instructions[index]!;
    if (index > from && flow.sources.has(instruction.at)) return undefined;
    if (index > from && tableMayReach(input.code, instructions, flow, index)) return undefined;
    if (kernelHandling(bytesOf(input, instruction)) === "emulated") {
      return placeAt(input, instruction, cfaOffset, false);
    }
    const behind = cfaBehind(input, instruction, cfaOffset);
    if (behind === undefined) return undefined;
    cfaOffset = behind;
  }
  return undefined;
}

/** Within the stack check nothing may change: it can run more than once. */
function disturbs(input: SiteInput, instruction: Instruction): boolean {
  const effects = effectsOf(input.code, instruction.at);
  return (
    effects.stores.length > 0 ||
    effects.rspChange !== 0 ||
    effects.writes.some((register) => input.registers.has(register))
  );
}

/**
 * Whether a jump table can lead to one of the instructions 0 to `upTo` of a function without a stack check. Tables lie
 * outside the code, so their targets are not seen. But a loop through such an instruction does something only if the
 * code from there to the table changes memory or a register that it reads; compilers emit no others.
 */
function tableMayReach(
  code: Uint8Array,
  instructions: readonly Instruction[],
  flow: ControlFlow,
  upTo: number,
): boolean {
  const last = instructions.findLastIndex((instruction) => instruction.flow === "jumpTable");
  if (last < 0) return false;
  if (last > MAX_ENTRY_INSTRUCTIONS) return true;
  const lastAt = instructions[last]!.at;
  for (const [target, sources] of flow.sources) {
    if (target <= lastAt && sources.some((source) => source > lastAt)) return true;
  }
  const effects = instructions.slice(0, last + 1).map((instruction) => effectsOf(code, instruction.at));
  if (instructions.slice(0, last).some(({ flow: kind }) => kind === "call" || kind === "other")) return true;
  if (effects.some(({ stores, rspChange }) => stores.length > 0 || rspChange !== 0)) return true;
  for (let start = 0; start <= Math.min(upTo, last); start++) {
    const readFirst = new Set<string>();
    const written = new Set<string>();
    for (const { reads, writes } of effects.slice(start)) {
      for (const register of reads) if (!written.has(register)) readFirst.add(register);
      for (const register of writes) written.add(register);
    }
    if ([...written].some((register) => readFirst.has(register))) return true;
  }
  return false;
}

/** The `ret`, or a one-byte nop directly before it that every way to the `ret` runs through. */
function returnPlace(
  input: SiteInput,
  instructions: readonly Instruction[],
  index: number,
  flow: ControlFlow,
): Place | undefined {
  const ret = instructions[index]!;
  const before = instructions[index - 1];
  if (before?.length === 1 && input.code[before.at] === NOP && !flow.sources.has(ret.at) && !flow.hasJumpTable) {
    return placeAt(input, before, CFA_AT_ENTRY, false);
  }
  return placeAt(input, ret, CFA_AT_ENTRY, false);
}

/** Undefined where the kernel accepts no probe. */
function placeAt(
  input: SiteInput,
  instruction: Instruction,
  cfaOffset: number,
  skipIfBelowOrEqual: boolean,
): Place | undefined {
  const kind = kernelHandling(bytesOf(input, instruction));
  return kind === "refused" ? undefined : { instruction, kind, cfaOffset, skipIfBelowOrEqual };
}

function siteAt(input: SiteInput, { instruction, kind, cfaOffset, skipIfBelowOrEqual }: Place): ProbeSite {
  const bytes = bytesOf(input, instruction);
  const leads = whereItLeads(input.code, instruction);
  // Where a hit of the stack check's branch counts, the branch is not taken.
  const places = skipIfBelowOrEqual ? leads?.places.slice(0, 1) : leads?.places;
  const resume =
    leads === undefined || places === undefined
      ? {}
      : { resume: { ip: places.map((place) => place - instruction.at), sp: leads.rspChange } };
  return {
    address: input.fn.entry + instruction.at,
    offset: input.fn.offset + instruction.at,
    kind,
    // Only who shows it needs it: its formatter is as large as the disassembler.
    get instruction() {
      return format(input, instruction);
    },
    expected: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
    cfaOffset,
    skipIfBelowOrEqual,
    ...resume,
    changesFloats: effectsOf(input.code, instruction.at).writes.filter((register) => register.startsWith("X")),
    predictedNs: USUAL_TRAP_NS[kind],
  };
}

const NOP = 0x90;
const PUSH_RBP = 0x55;

function isPushRbp(code: Uint8Array, { at, length }: Instruction): boolean {
  return length === 1 && code[at] === PUSH_RBP;
}

/** 76 rel8 or 0f 86 rel32. */
function isJbe(code: Uint8Array, { at }: Instruction): boolean {
  return code[at] === 0x76 || (code[at] === 0x0f && code[at + 1] === 0x86);
}

function bytesOf({ code }: SiteInput, { at, length }: Instruction): Uint8Array {
  return code.subarray(at, at + length);
}

function format(input: SiteInput, instruction: Instruction): string {
  return formatInstruction(input.code, instruction.at, input.fn.entry);
}
