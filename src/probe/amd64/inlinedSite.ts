/**
 * Where a call that was inlined may be probed. The compiler puts a mark into the block where such a call begins
 * (cmd/compile, OINLMARK), and the inline tree names one instruction for each mark. genssa (ssagen/ssa.go) takes any
 * instruction of the function that has the call's very position for it, wherever that stands; where there is none it
 * emits a one-byte nop. Only such a nop runs exactly once per call, so everything else is refused:
 *
 * - nops of other origin that happen to have the position: behind a last call that does not return, in an empty loop,
 *   before a call of `deferreturn`;
 * - marks that more than one call shares, and lines that have a nop more than calls: the mark may have been copied;
 * - since Go 1.26 marks that the compiler may have moved to where they run without the call: branchelim.go and
 *   fuse_comparisons.go execute a block without memory accesses ahead of the branch that leads to it, marks included
 *   (issue 74915). A load or store of the callee in the same straight piece of code shows that this did not happen.
 */
import { type Refusal, refuse } from "../../goabi/refusal.ts";
import type { GoFunction, InlinedCall, InlineMap } from "../../gobinary/api.ts";
import { MAX_INLINE_DEPTH } from "../../gobinary/inltree.ts";
import { USUAL_TRAP_NS } from "../../protocol/budget.ts";
import type { ProbeSite } from "../api.ts";
import { decodeFunction, type Instruction, movesMemory, writesMemory } from "./decode.ts";
import { alwaysFallsThrough } from "./obligations.ts";

export type InlinedSite =
  | { readonly ok: true; readonly site: ProbeSite }
  /** `reason`: a clause. */
  | Refusal;

export interface EnclosingInput {
  readonly fn: GoFunction;
  readonly code: Uint8Array;
  readonly map: InlineMap;
  /** 26 for Go 1.26. */
  readonly goMinor: number;
  /** Entries of `runtime.deferreturn`. */
  readonly deferReturn: readonly number[];
}

/** One function with the calls that were inlined into it; decoded once for all of them. */
export class EnclosingFunction {
  readonly #input: EnclosingInput;
  readonly #instructions: readonly Instruction[];
  readonly #undecodable: string | undefined;
  readonly #indexes: ReadonlyMap<number, number>;
  readonly #targets: ReadonlySet<number>;

  constructor(input: EnclosingInput) {
    this.#input = input;
    const decoded = decodeFunction(input.code);
    this.#undecodable = decoded.ok ? undefined : decoded.reason;
    this.#instructions = decoded.ok ? decoded.instructions : [];
    this.#indexes = new Map(this.#instructions.map(({ at }, index) => [at, index]));
    this.#targets = new Set(this.#instructions.flatMap(({ target }) => target ?? []));
  }

  siteOf({ mark, record }: Pick<InlinedCall, "mark" | "record">): InlinedSite {
    const reason = this.#whyNot(mark, record);
    if (reason !== undefined) return refuse(reason);
    const { fn, map } = this.#input;
    const stack = map.stackAt(mark);
    if (stack === undefined) return refuse("the size of the stack frame there is not known");
    const site: ProbeSite = {
      address: mark,
      offset: fn.offset + mark - fn.entry,
      kind: "emulated",
      instruction: "nop",
      expected: "90",
      cfaOffset: stack + RETURN_ADDRESS_BYTES,
      skipIfBelowOrEqual: false,
      changesFloats: [],
      predictedNs: USUAL_TRAP_NS.emulated,
    };
    return { ok: true, site };
  }

  #whyNot(mark: number, record: number): string | undefined {
    const { fn, code, map, goMinor } = this.#input;
    const at = mark - fn.entry;
    if (fn.notTraceable !== undefined) return `the code around it, ${fn.name}, ${fn.notTraceable}`;
    if (this.#undecodable !== undefined) return `the machine code around it cannot be decoded: ${this.#undecodable}`;
    // Without a mark the inline tree has 0 here.
    if (at <= 0 || at >= code.length || map.marks[record] !== mark) return NO_MARK;
    const index = this.#indexes.get(at);
    if (code[at] !== NOP || index === undefined || this.#instructions[index]!.length !== 1) return NO_MARK;
    if (map.marks.filter((other) => other === mark).length > 1) return SHARED;
    if (map.recordAt(mark) === record) return NO_MARK;
    if (this.#isOther(index)) return OTHER_NOP;
    if (this.#hasDouble(mark)) return DOUBLE;
    if (this.#mayFaultOutOfOrder(index, record)) return OUT_OF_ORDER;
    if (goMinor >= MOVES_MARKS && !this.#isHeld(index, record)) return MAY_BE_AHEAD;
    return undefined;
  }

  /** A nop that is no mark: ssagen/ssa.go emits those where the code after them is one of these. */
  #isOther(index: number): boolean {
    const next = this.#instructions[index + 1];
    if (next === undefined || next.target === this.#instructions[index]!.at) return true;
    if (this.#callTarget(next) !== undefined && this.#input.deferReturn.includes(this.#callTarget(next)!)) return true;
    // Behind the function's last instruction comes the block that grows the stack and starts over.
    let calls = 0;
    for (const instruction of this.#instructions.slice(index + 1)) {
      if (instruction.flow === "jump") return calls === 1 && instruction.target === 0;
      if (instruction.flow === "call") calls++;
      else if (instruction.flow !== "next") return false;
    }
    return true;
  }

  /** Another nop of the same line that no call has. */
  #hasDouble(mark: number): boolean {
    const { fn, code, map } = this.#input;
    const marks = new Set(map.marks);
    const line = map.lineAt(mark);
    const around = map.recordAt(mark);
    return this.#instructions.some(({ at, length }) => {
      const address = fn.entry + at;
      if (length !== 1 || code[at] !== NOP || at === 0 || marks.has(address)) return false;
      return map.lineAt(address) === line && map.recordAt(address) === around;
    });
  }

  /**
   * Between two writes of memory the compiler orders reads as it likes: those of the callee and of what follows may stand
   * before the mark, those of what precedes behind it. Where one meets a nil pointer, hits and calls would differ.
   */
  #mayFaultOutOfOrder(index: number, record: number): boolean {
    const { fn, code, map } = this.#input;
    for (let i = index; i > 0 && !this.#targets.has(this.#instructions[i]!.at); i--) {
      const before = this.#instructions[i - 1]!;
      if (before.flow !== "next" || writesMemory(code, before.at)) break;
      if (!alwaysFallsThrough(code, before)) return true;
    }
    for (const behind of this.#instructions.slice(index + 1)) {
      const { at, flow } = behind;
      if (this.#targets.has(at) || flow !== "next" || writesMemory(code, at)) break;
      if (!alwaysFallsThrough(code, behind) && !this.#isWithin(map.recordAt(fn.entry + at), record)) return true;
    }
    return false;
  }

  /** An instruction of the callee that cannot have been moved, in the straight piece of code around the mark. */
  #isHeld(index: number, record: number): boolean {
    const { fn, code, map } = this.#input;
    let first = index;
    while (first > 0 && !this.#targets.has(this.#instructions[first]!.at) && falls(this.#instructions[first - 1]!))
      first--;
    // The function's first instruction may have got another's position (ssagen/ssa.go, firstPos).
    if (this.#isEntry(first)) first = index;
    for (let i = first; i < this.#instructions.length; i++) {
      const instruction = this.#instructions[i]!;
      if (i > index && this.#targets.has(instruction.at)) return false;
      const held = instruction.flow === "call" || (instruction.flow === "next" && movesMemory(code, instruction.at));
      if (held && this.#isWithin(map.recordAt(fn.entry + instruction.at), record)) return true;
      if (i >= index && !falls(instruction)) return false;
    }
    return false;
  }

  /** The first block, or the one behind the stack check. */
  #isEntry(index: number): boolean {
    for (const { flow } of this.#instructions.slice(0, index)) if (flow !== "next" && flow !== "branch") return false;
    return index <= MAX_PROLOGUE;
  }

  #isWithin(inner: number, outer: number): boolean {
    const { map } = this.#input;
    let record = inner;
    for (let depth = 0; depth < MAX_INLINE_DEPTH && record >= 0; depth++) {
      if (record === outer) return true;
      record = map.recordAt(map.marks[record] ?? 0);
    }
    return false;
  }

  /** Of a `call rel32`: the address that it calls. */
  #callTarget({ at, length, flow }: Instruction): number | undefined {
    const { fn, code } = this.#input;
    if (flow !== "call" || length !== 5 || code[at] !== CALL_REL32) return undefined;
    const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    return fn.entry + at + length + view.getInt32(at + 1, true);
  }
}

const NOP = 0x90;
const CALL_REL32 = 0xe8;
const RETURN_ADDRESS_BYTES = 8;
/** branchelim.go since Go 1.26. */
const MOVES_MARKS = 26;
/** Instructions of the longest stack check. */
const MAX_PROLOGUE = 8;

const NO_MARK = "no instruction of its own stands for the call";
const SHARED = "one instruction stands for several calls";
const OTHER_NOP = "the instruction that stands for the call is not run by it";
const DOUBLE = "its line has more such instructions than calls, so that hits might not equal calls";
const OUT_OF_ORDER = "a nil pointer close to the call could make hits and calls differ";
const MAY_BE_AHEAD = "the compiler may run the instruction that stands for the call without the call";

/** Whether the next instruction runs whenever this one does, but for panics. */
function falls({ flow }: Instruction): boolean {
  return flow === "next" || flow === "call";
}
