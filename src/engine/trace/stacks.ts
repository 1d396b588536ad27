/**
 * The goroutine's stack at a call. What the kernel program copied along the chain of frame pointers is only memory: where
 * a frame stands is computed, from the caller's code address and the size that the function table gives its frame there.
 * So a chain that a function has not continued (assembly, C) leads to no wrong caller: the stack ends there, and the
 * event says why.
 */
import type { CodeFrames, GoBinary } from "../../gobinary/api.ts";
import type { EventPlan } from "../../probe/api.ts";
import { MAX_FRAMES } from "../../probe/capture/context.ts";
import { FRAME_BYTES } from "../../probe/capture/shape.ts";
import type { FullBudget, RawEvent } from "../../protocol/records.ts";
import type { StackFrame } from "../api.ts";

/** A trace sees few distinct code addresses; a full table starts again. */
const MAX_CACHED_FRAMES = 65_536;
const WORD = 8;

/** A stack as it was copied; code addresses are the file's, `bias` less than the process's. */
export interface CapturedStack {
  readonly bias: number;
  /** The function whose caller comes first. */
  readonly callee: string;
  /** Of a call that was inlined: an address whose frames come before those of the return address. */
  readonly inlinedAt?: number;
  /** Of the function with code of its own. */
  readonly returnAddress: number;
  /** Its CFA: the address just above its return address. */
  readonly cfa: number;
  /** From there to the stack's upper end, bytes; 0 where not known. */
  readonly room: number;
  /** Words of the stack that may be return addresses, by their address; undefined: could not be read. */
  readonly words: ReadonlyMap<number, number | undefined>;
  readonly full?: FullBudget;
}

export interface Stack {
  readonly stack: readonly StackFrame[];
  readonly stackCut?: string;
}

/** How a stack begins: what the runtime put below the goroutine's first function. */
const GOROUTINE_EXIT = "runtime.goexit";
const MAIN_GOROUTINE = "runtime.main";
const THREAD_STARTS: ReadonlySet<string> = new Set(["runtime.mstart", "runtime.rt0_go"]);
/** Called as if from an instruction that is no call: the return address is that instruction's (runtime/traceback.go, unwindTrap). */
const TRAPS: ReadonlySet<string> = new Set(["runtime.sigpanic", "runtime.asyncPreempt"]);
/** A wrapper that calls one of these is shown (runtime/traceback.go, elideWrapperCalling). */
const PANICS: ReadonlySet<string> = new Set(["runtime.gopanic", "runtime.sigpanic", "runtime.panicwrap"]);

/** Undefined where the plan copies no stack. `bias`: what the process's addresses are above the file's. */
export function capturedStack(
  raw: RawEvent,
  { context }: EventPlan,
  cfaOffset: number,
  bias: number | undefined,
  called: Pick<CapturedStack, "callee" | "inlinedAt">,
): CapturedStack | Stack | undefined {
  const stackPointer = context?.get("RSP");
  if (stackPointer === undefined) return undefined;
  if (bias === undefined) return { stack: [], stackCut: "it is not known where the program is loaded" };
  if (raw.returnAddress === 0n) return { stack: [], stackCut: "the return address could not be read" };
  const root = new DataView(raw.root.buffer, raw.root.byteOffset, raw.root.byteLength);
  const words = new Map<number, number | undefined>();
  for (const { address, wanted, bytes } of raw.chunks) {
    if (wanted !== FRAME_BYTES) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = WORD; at < FRAME_BYTES; at += WORD) {
      const there = at + WORD <= bytes.length ? Number(view.getBigUint64(at, true)) - bias : undefined;
      if (there !== undefined || !words.has(Number(address) + at)) words.set(Number(address) + at, there);
    }
  }
  return {
    ...called,
    bias,
    returnAddress: Number(raw.returnAddress) - bias,
    cfa: Number(root.getBigUint64(stackPointer, true)) + cfaOffset,
    room: Number(raw.depth),
    words,
    ...(raw.full === undefined ? {} : { full: raw.full }),
  };
}

export class StackTable {
  private readonly binary: Pick<GoBinary, "framesOf">;
  private readonly known = new Map<number, CodeFrames | undefined>();

  constructor(binary: Pick<GoBinary, "framesOf">) {
    this.binary = binary;
  }

  async load(address: number): Promise<void> {
    const frames = await this.binary.framesOf(address).catch(() => undefined);
    if (this.known.size >= MAX_CACHED_FRAMES) this.known.clear();
    this.known.set(address, frames);
  }

  /** The stack; or a code address that is to be `load`ed before. */
  unwind(captured: CapturedStack): Stack | number {
    const frames: StackFrame[] = [];
    let callee = captured.callee;
    const add = (code: CodeFrames): void => {
      for (const { func, file, line, wrapper } of code.frames) {
        if (!wrapper || PANICS.has(callee)) frames.push({ func, file, line });
        callee = func;
      }
    };
    const cut = (why: string): Stack => ({ stack: frames, stackCut: why });
    if (captured.inlinedAt !== undefined) {
      if (!this.known.has(captured.inlinedAt)) return captured.inlinedAt;
      const around = this.known.get(captured.inlinedAt);
      if (around === undefined) return cut("the code around the call is not known");
      add(around);
    }
    let { returnAddress, cfa } = captured;
    // Each round finds another word above the one before, so the rounds end.
    for (let depth = 0; ; depth++) {
      const address = TRAPS.has(callee) ? returnAddress : returnAddress - 1;
      if (!this.known.has(address)) return address;
      const code = this.known.get(address);
      const physical = code?.frames.at(-1);
      if (code === undefined || physical === undefined)
        return cut(
          `${callee} was called from 0x${(returnAddress + captured.bias).toString(16)}: no Go function of the file`,
        );
      if (physical.func === GOROUTINE_EXIT) {
        if (frames.at(-1)?.func === MAIN_GOROUTINE) frames.pop();
        return { stack: frames };
      }
      add(code);
      if (THREAD_STARTS.has(physical.func)) return { stack: frames };
      if (code.stack === undefined) return cut(`${physical.func} changes to another stack`);
      cfa += code.stack + WORD;
      if (captured.room > 0 && cfa - captured.cfa > captured.room)
        return cut(`the frame of ${physical.func} would not lie on the goroutine's stack`);
      const at = cfa - WORD;
      const next = captured.words.get(at);
      if (next === undefined) return cut(whyNot(captured, at, depth, physical.func));
      returnAddress = next;
    }
  }
}

function whyNot({ words, full }: CapturedStack, at: number, depth: number, func: string): string {
  if (words.has(at)) return "memory not resident";
  if (depth >= MAX_FRAMES) return `only ${MAX_FRAMES} frames are followed`;
  if (full !== undefined) return `the event has no room for more of it (${full})`;
  return `${func} keeps no frame pointer`;
}
