/** cmd/compile/abi-internal.md, "arm64 architecture"; "DWARF for the Arm 64-bit Architecture", register numbers. */
import type { Architecture } from "./architecture.ts";

const FIRST_DWARF_VECTOR = 64;
const VECTOR_REGISTERS = 32;
/** The link register is the last general one; 31 is the stack pointer. */
const LINK_REGISTER = 30;

export const ARM64: Architecture = {
  name: "arm64",
  elfMachine: 183,
  integerRegisters: Array.from({ length: 16 }, (_, index) => `R${index}`),
  floatRegisters: Array.from({ length: 16 }, (_, index) => `F${index}`),
  goroutineRegister: "R28",
  registerAbiSince: 18,
  // One word for the saved link register (cmd/compile, FixedFrameSize).
  firstStackOffset: 8,
  cfaAtEntry: 0,
  dwarfStackPointer: 31,
  dwarfRegister: (number) => {
    if (number >= FIRST_DWARF_VECTOR && number < FIRST_DWARF_VECTOR + VECTOR_REGISTERS)
      return `F${number - FIRST_DWARF_VECTOR}`;
    return number <= LINK_REGISTER ? `R${number}` : undefined;
  },
  noProbes: "it is arm64 code, and Probelens can place probes in amd64 code only",
};
