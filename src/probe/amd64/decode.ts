/**
 * Machine code of one amd64 function as a list of instructions: the only file that touches iced-x86.
 * The decoding is linear from the first byte to the last: Go keeps no data between instructions on amd64 (jump tables
 * stand in .rodata), so a byte that does not decode means that the code is not what we take it for.
 */
import {
  Code,
  Decoder,
  DecoderOptions,
  FlowControl,
  Formatter,
  FormatterSyntax,
  type Instruction as IcedInstruction,
  InstructionInfoFactory,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
} from "iced-x86";
import { type Refusal, refuse } from "../../goabi/refusal.ts";

export interface Instruction {
  /** Bytes from the function's first instruction. */
  readonly at: number;
  readonly length: number;
  readonly flow: "next" | "jump" | "jumpTable" | "tailCall" | "branch" | "call" | "return" | "other";
  /** Of a direct jump or branch: bytes from the function's first instruction; may lie outside the function. */
  readonly target?: number;
}

export type DecodedFunction = { readonly ok: true; readonly instructions: readonly Instruction[] } | Refusal;

/** The longest functions of real Go programs (generated tables' init) have some 100 KiB of code. */
const MAX_CODE_BYTES = 4 << 20;

export function decodeFunction(code: Uint8Array): DecodedFunction {
  if (code.length === 0) return refuse("the function has no code");
  if (code.length > MAX_CODE_BYTES) {
    return refuse(`its ${code.length} bytes of code are over the limit of ${MAX_CODE_BYTES}`);
  }
  const decoder = newDecoder(code);
  const instructions: Instruction[] = [];
  const instruction = decoder.decode();
  try {
    for (;;) {
      const at = Number(instruction.ip - BASE);
      if (instruction.isInvalid) return refuse(`the bytes at +${at} are no complete instruction`);
      instructions.push(summarise(instruction, at));
      if (!decoder.canDecode) return { ok: true, instructions };
      decoder.decodeOut(instruction);
    }
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** What one instruction reads and writes, as far as the choice of a probe site asks. */
export interface Effects {
  /** Registers written, fully or in part, always or sometimes: `RAX`, …, `RSP`, `X0`, …. */
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  /** `fromRsp`: N of a store to [RSP + N], RSP as it is before the instruction; undefined: a store anywhere else. */
  readonly stores: readonly { readonly fromRsp: number | undefined; readonly size: number }[];
  /** Bytes that the instruction adds to RSP, where that is a constant; undefined: RSP changes otherwise. */
  readonly rspChange: number | undefined;
}

export function effectsOf(code: Uint8Array, at: number): Effects {
  return withInstruction(code, at, (instruction) => {
    const factory = new InstructionInfoFactory();
    const info = factory.info(instruction);
    try {
      const writes = new Set<string>();
      const reads = new Set<string>();
      for (const used of info.usedRegisters()) {
        const name = REGISTER_NAMES.get(RegisterExt.fullRegister(used.register));
        if (name !== undefined && WRITING.has(used.access)) writes.add(name);
        if (name !== undefined && READING.has(used.access)) reads.add(name);
        used.free();
      }
      const stores: { fromRsp: number | undefined; size: number }[] = [];
      for (const memory of info.usedMemory()) {
        if (WRITING.has(memory.access)) {
          const simple = memory.base === Register.RSP && memory.index === Register.None;
          const size = MemorySizeExt.size(memory.memorySize);
          const known = simple && size > 0;
          stores.push({ fromRsp: known ? Number(BigInt.asIntN(64, memory.displacement)) : undefined, size });
        }
        memory.free();
      }
      return { writes: [...writes], reads: [...reads], stores, rspChange: rspChange(instruction, writes) };
    } finally {
      info.free();
      factory.free();
    }
  });
}

/**
 * Whether an instruction runs only where the program's source has it: a plain load through a pointer, or a store. Spills
 * (by RSP), constants (read by RIP) and arithmetic that reads memory are none: the compiler makes those wherever it
 * likes.
 */
export function movesMemory(code: Uint8Array, at: number): boolean {
  return usesMemory(code, at, (use) => isWrite(use) || (isPointer(use) && LOADS.has(use.mnemonic)));
}

/** A store through a pointer or to a global variable. */
export function writesMemory(code: Uint8Array, at: number): boolean {
  return usesMemory(code, at, isWrite);
}

/** Whether an instruction uses memory through a pointer, which may be nil. */
export function mayFault(code: Uint8Array, at: number): boolean {
  return usesMemory(code, at, isPointer);
}

/** Whether an instruction may trap by its operands' values: a division by zero, or one whose quotient is too large. */
export function mayTrap(code: Uint8Array, at: number): boolean {
  return withInstruction(code, at, ({ mnemonic }) => mnemonic === Mnemonic.Div || mnemonic === Mnemonic.Idiv);
}

interface MemoryUse {
  readonly base: Register;
  readonly writes: boolean;
  readonly mnemonic: Mnemonic;
}

function isPointer({ base }: MemoryUse): boolean {
  return RegisterExt.isGPR(base) && !NO_POINTERS.has(base);
}

function isWrite(use: MemoryUse): boolean {
  return use.writes && (isPointer(use) || use.base === Register.RIP || use.base === Register.None);
}

function usesMemory(code: Uint8Array, at: number, test: (use: MemoryUse) => boolean): boolean {
  return withInstruction(code, at, (instruction) => {
    const factory = new InstructionInfoFactory();
    const info = factory.info(instruction);
    try {
      let found = false;
      for (const memory of info.usedMemory()) {
        const { base, access } = memory;
        if (test({ base, writes: WRITING.has(access), mnemonic: instruction.mnemonic })) found = true;
        memory.free();
      }
      return found;
    } finally {
      info.free();
      factory.free();
    }
  });
}

/** A move between a register and [RSP + N], of whatever size; undefined: the instruction is another. */
export function frameMove(
  code: Uint8Array,
  at: number,
): { readonly register: string; readonly fromRsp: number; readonly stores: boolean } | undefined {
  return withInstruction(code, at, (instruction) => {
    const { op0Kind, op1Kind, mnemonic, memoryBase, memoryIndex } = instruction;
    const stores = op0Kind === OpKind.Memory && op1Kind === OpKind.Register;
    const loads = op0Kind === OpKind.Register && op1Kind === OpKind.Memory;
    if (!(stores || loads) || !LOADS.has(mnemonic) || instruction.opCount !== 2) return undefined;
    if (memoryBase !== Register.RSP || memoryIndex !== Register.None) return undefined;
    const full = RegisterExt.fullRegister(stores ? instruction.op1Register : instruction.op0Register);
    const register = REGISTER_NAMES.get(full);
    if (register === undefined) return undefined;
    return { register, fromRsp: Number(BigInt.asIntN(64, instruction.memoryDisplacement)), stores };
  });
}

/**
 * Where a thread is when it has run one instruction that is not interrupted: bytes from the function's first
 * instruction, of two places one (none: where the return address leads), and the bytes that RSP changes by.
 */
export function whereItLeads(
  code: Uint8Array,
  { at, length, flow, target }: Instruction,
): { readonly places: readonly number[]; readonly rspChange: number } | undefined {
  const { rspChange } = effectsOf(code, at);
  if (rspChange === undefined) return undefined;
  switch (flow) {
    case "next":
      return { places: [at + length], rspChange };
    case "jump":
      return target === undefined ? undefined : { places: [target], rspChange };
    case "branch":
      return target === undefined ? undefined : { places: [at + length, target], rspChange };
    case "return":
      return { places: [], rspChange };
    case "call": {
      const near = withInstruction(code, at, (call) => (call.isCallNear ? targetOf(call) : undefined));
      return near === undefined ? undefined : { places: [near], rspChange };
    }
    default:
      return undefined;
  }
}

/** Intel syntax; branch targets as virtual addresses. */
export function formatInstruction(code: Uint8Array, at: number, functionEntry: number): string {
  const decoder = newDecoder(code, BigInt(functionEntry), at);
  const instruction = decoder.decode();
  const formatter = new Formatter(FormatterSyntax.Intel);
  try {
    formatter.branchLeadingZeros = false;
    formatter.hexPrefix = "0x";
    formatter.hexSuffix = "";
    formatter.uppercaseHex = false;
    formatter.showBranchSize = false;
    formatter.spaceAfterOperandSeparator = true;
    return formatter.format(instruction);
  } finally {
    formatter.free();
    instruction.free();
    decoder.free();
  }
}

/** Stack, frame pointer, and the goroutine of the register ABI. */
const NO_POINTERS: ReadonlySet<Register> = new Set([Register.RSP, Register.RBP, Register.R14]);
const LOADS: ReadonlySet<Mnemonic> = new Set([
  Mnemonic.Mov,
  Mnemonic.Movzx,
  Mnemonic.Movsx,
  Mnemonic.Movsxd,
  Mnemonic.Movss,
  Mnemonic.Movsd,
  Mnemonic.Movups,
]);

/** Far from zero, so that a target before the function's start is still a positive address. */
const BASE = 1n << 40n;

function newDecoder(code: Uint8Array, ip = BASE, at = 0): Decoder {
  const decoder = new Decoder(64, code, DecoderOptions.None);
  decoder.position = at;
  decoder.ip = ip + BigInt(at);
  return decoder;
}

function withInstruction<T>(code: Uint8Array, at: number, use: (instruction: IcedInstruction) => T): T {
  const decoder = newDecoder(code.subarray(0, at + MAX_INSTRUCTION), BASE, at);
  const instruction = decoder.decode();
  try {
    return use(instruction);
  } finally {
    instruction.free();
    decoder.free();
  }
}

/** Intel SDM volume 2, 2.3.11: the limit of an instruction's length. */
const MAX_INSTRUCTION = 15;

function summarise(instruction: IcedInstruction, at: number): Instruction {
  const length = instruction.length;
  switch (instruction.flowControl) {
    case FlowControl.Next:
      return { at, length, flow: "next" };
    case FlowControl.UnconditionalBranch:
      return { at, length, flow: "jump", target: targetOf(instruction) };
    case FlowControl.ConditionalBranch:
    case FlowControl.XbeginXabortXend:
      return { at, length, flow: "branch", target: targetOf(instruction) };
    case FlowControl.IndirectBranch: {
      // cmd/compile jumps through a table with `JMP (R)(I*8)` (ssagen, OpAMD64JUMPTABLE); without an index register it
      // is a tail call through a method table (a wrapper).
      const table = instruction.op0Kind === OpKind.Memory && instruction.memoryIndex !== Register.None;
      return { at, length, flow: table ? "jumpTable" : "tailCall" };
    }
    case FlowControl.Call:
    case FlowControl.IndirectCall:
      return { at, length, flow: "call" };
    case FlowControl.Return: {
      const near = instruction.code === Code.Retnq || instruction.code === Code.Retnq_imm16;
      return { at, length, flow: near ? "return" : "other" };
    }
    default:
      return { at, length, flow: "other" };
  }
}

function targetOf(instruction: IcedInstruction): number {
  return Number(BigInt.asIntN(64, instruction.nearBranchTarget - BASE));
}

function rspChange(instruction: IcedInstruction, writes: ReadonlySet<string>): number | undefined {
  if (!writes.has("RSP")) return 0;
  if (instruction.isStackInstruction) return instruction.stackPointerIncrement;
  const subtracts = instruction.code === Code.Sub_rm64_imm8 || instruction.code === Code.Sub_rm64_imm32;
  if (subtracts && instruction.op0Register === Register.RSP) {
    return -Number(BigInt.asIntN(64, instruction.immediate(1)));
  }
  return undefined;
}

const WRITING: ReadonlySet<OpAccess> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);
const READING: ReadonlySet<OpAccess> = new Set([
  OpAccess.Read,
  OpAccess.CondRead,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

const REGISTER_NAMES: ReadonlyMap<Register, string> = new Map([
  [Register.RAX, "RAX"],
  [Register.RBX, "RBX"],
  [Register.RCX, "RCX"],
  [Register.RDX, "RDX"],
  [Register.RSI, "RSI"],
  [Register.RDI, "RDI"],
  [Register.RBP, "RBP"],
  [Register.RSP, "RSP"],
  [Register.R8, "R8"],
  [Register.R9, "R9"],
  [Register.R10, "R10"],
  [Register.R11, "R11"],
  [Register.R12, "R12"],
  [Register.R13, "R13"],
  [Register.R14, "R14"],
  [Register.R15, "R15"],
  // The full register of XMM0 is ZMM0; Go's names for the low halves are X0 to X15.
  [Register.ZMM0, "X0"],
  [Register.ZMM1, "X1"],
  [Register.ZMM2, "X2"],
  [Register.ZMM3, "X3"],
  [Register.ZMM4, "X4"],
  [Register.ZMM5, "X5"],
  [Register.ZMM6, "X6"],
  [Register.ZMM7, "X7"],
  [Register.ZMM8, "X8"],
  [Register.ZMM9, "X9"],
  [Register.ZMM10, "X10"],
  [Register.ZMM11, "X11"],
  [Register.ZMM12, "X12"],
  [Register.ZMM13, "X13"],
  [Register.ZMM14, "X14"],
  [Register.ZMM15, "X15"],
]);
