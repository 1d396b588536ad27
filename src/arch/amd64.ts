/** cmd/compile/abi-internal.md, "amd64 architecture"; cmd/internal/obj/x86/a.out.go, AMD64DWARFRegisters. */
import type { Architecture } from "./architecture.ts";

/** 0 RAX, 1 RDX, 2 RCX, 3 RBX: not the processor's own order. */
const DWARF_REGISTERS = "RAX RDX RCX RBX RSI RDI RBP RSP R8 R9 R10 R11 R12 R13 R14 R15".split(" ");
const FIRST_DWARF_XMM = 17;
const XMM_REGISTERS = 16;

export const AMD64: Architecture = {
  name: "amd64",
  elfMachine: 62,
  integerRegisters: ["RAX", "RBX", "RCX", "RDI", "RSI", "R8", "R9", "R10", "R11"],
  floatRegisters: Array.from({ length: 15 }, (_, index) => `X${index}`),
  goroutineRegister: "R14",
  registerAbiSince: 17,
  firstStackOffset: 0,
  cfaAtEntry: 8,
  dwarfStackPointer: 7,
  dwarfRegister: (number) =>
    number >= FIRST_DWARF_XMM && number < FIRST_DWARF_XMM + XMM_REGISTERS
      ? `X${number - FIRST_DWARF_XMM}`
      : DWARF_REGISTERS[number],
};
