/**
 * What the Linux kernel does with an x86-64 instruction under a uprobe. Every rule is one of
 * arch/x86/kernel/uprobes.c: uprobe_init_insn, branch_setup_xol_ops, push_setup_xol_ops. Where kernels differ, the
 * oldest one's answer is given, so that a site is never dearer than predicted.
 */

export type Handling =
  /** The kernel does the instruction's work itself: no single step. */
  | "emulated"
  /** The kernel steps a copy of the instruction out of line. */
  | "stepped"
  /** No probe may stand here: the kernel rejects it, or would change what the program does. */
  | "refused";

export function kernelHandling(instruction: Uint8Array): Handling {
  let at = 0;
  let operandSize = false;
  for (; at < instruction.length && LEGACY_PREFIXES.has(instruction[at]!); at++) {
    const prefix = instruction[at]!;
    // is_prefix_bad: segment overrides other than FS and GS, and LOCK.
    if (BAD_PREFIXES.has(prefix)) return "refused";
    if (prefix === 0x66) operandSize = true;
  }
  let rex = 0;
  if ((instruction[at]! & 0xf0) === 0x40) rex = instruction[at++]!;
  const opcode = instruction[at];
  if (opcode === undefined) return "refused";

  if (opcode === 0x90) {
    // The kernel takes any prefixes plus 90 for a nop; with REX.B it is `xchg r8, rax`, which a probe would undo.
    return rex & 1 ? "refused" : "emulated";
  }
  if (isBranchOpcode(opcode, instruction[at + 1])) return operandSize ? "refused" : "emulated";
  if (opcode >= 0x50 && opcode <= 0x57) {
    const plain = instruction.length === 1 || (instruction.length === 2 && rex === 0x41);
    return plain ? "emulated" : "stepped";
  }
  if (VECTOR_PREFIXES.has(opcode)) return isScalarVex(instruction.subarray(at)) ? "stepped" : "refused";
  if (opcode === 0x0f) return REFUSED_TWO_BYTE.has(instruction[at + 1] ?? 0) ? "refused" : "stepped";
  // insn_masking_exception: `mov ss` holds the trap of the single step back.
  if (opcode === 0x8e) return "refused";
  return REFUSED_ONE_BYTE.has(opcode) ? "refused" : "stepped";
}

function isBranchOpcode(opcode: number, second: number | undefined): boolean {
  if (opcode === 0xe8 || opcode === 0xe9 || opcode === 0xeb) return true;
  if (opcode >= 0x70 && opcode <= 0x7f) return true;
  return opcode === 0x0f && second !== undefined && second >= 0x80 && second <= 0x8f;
}

/**
 * VEX-coded integer instructions (`andn`, `shlx`, `blsr`, …) and scalar `vfmadd231`, which Go emits for GOAMD64=v3.
 * The kernel looks at a VEX instruction's opcode byte as if it were of the one-byte map, where others than these mean
 * something else to it: `vzeroupper` (77) is taken for a `ja`, `vcmpsd` (c2) for a `ret`.
 */
function isScalarVex([prefix, map, , opcode]: Uint8Array): boolean {
  return prefix === 0xc4 && map !== undefined && (map & 0x1f) === 2 && opcode !== undefined && SCALAR_VEX.has(opcode);
}

const SCALAR_VEX = new Set([0xf2, 0xf3, 0xf5, 0xf6, 0xf7, 0xb9]);

const LEGACY_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);
const BAD_PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0xf0]);
const VECTOR_PREFIXES = new Set([0xc4, 0xc5, 0x62, 0x8f]);

/** The zeros of good_insns_64: invalid in 64-bit code, privileged, or traps of their own. */
const REFUSED_ONE_BYTE = new Set([
  0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x6c, 0x6d, 0x6e, 0x6f, 0x82, 0x9a,
  0xcc, 0xcd, 0xce, 0xcf, 0xd4, 0xd5, 0xd6, 0xe4, 0xe5, 0xe6, 0xe7, 0xea, 0xec, 0xed, 0xee, 0xef, 0xf1, 0xf4, 0xfa,
  0xfb,
]);

/** The zeros of good_2byte_insns (system calls and instructions, `ud2`), and all of 0f 00 to 0f 0f to be safe. */
const REFUSED_TWO_BYTE = new Set([
  ...Array.from({ length: 16 }, (_, low) => low),
  0x30,
  0x34,
  0x35,
  0x37,
  0x78,
  0x79,
  0xae,
]);
