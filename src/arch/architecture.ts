/**
 * What differs between the machines that Go programs run on, one value each (`amd64.ts`, `arm64.ts`). Rules about
 * machine code are no values: those of amd64 stand in `src/probe/amd64`.
 */
export type Arch = "amd64" | "arm64";

export interface Architecture {
  /** GOARCH. */
  readonly name: Arch;
  /** ELF's e_machine. */
  readonly elfMachine: number;
  /** Registers of Go's ABIInternal in the order in which they are assigned, by Go assembler name. */
  readonly integerRegisters: readonly string[];
  readonly floatRegisters: readonly string[];
  /** Holds g in every Go function that uses ABIInternal. */
  readonly goroutineRegister: string;
  /** Go 1.N is the first whose functions use ABIInternal's registers by default. */
  readonly registerAbiSince: number;
  /** Of the first stack argument, bytes from the CFA. */
  readonly firstStackOffset: number;
  /** CFA − SP at a function's first instruction, bytes: what the call instruction pushed. */
  readonly cfaAtEntry: number;
  /** DWARF's number of the stack pointer. */
  readonly dwarfStackPointer: number;
  /** Name of a register by DWARF's number; undefined: none that holds Go values. */
  dwarfRegister(number: number): string | undefined;
  /** Why no function of such a program can be probed; absent: some can. */
  readonly noProbes?: string;
}
