/**
 * Where the kernel program finds the goroutine: offsets in `runtime.g`, and g's place in thread-local storage.
 *
 * The table holds released versions; a test compares it with each version's own DWARF. A development version falls
 * back to the DWARF of the binary itself.
 */
import type { RuntimeLayout } from "./api.ts";
import type { Elf } from "./elf.ts";

/** `g.goid` by Go minor version (runtime/runtime2.go). `g.stack.hi` is the second word in all of them. */
const GOID_OFFSET: Readonly<Record<number, number>> = {
  15: 152,
  16: 152,
  17: 152,
  18: 152,
  19: 152,
  20: 152,
  21: 152,
  22: 152,
  23: 160,
  24: 160,
  25: 152,
  26: 152,
  27: 152,
};
const STACK_HI_OFFSET = 8;
/** In a pure Go program the runtime's slot is the only TLS variable and stands just below the FS base. */
const PURE_GO_TLS_OFFSET = -8;

export function runtimeLayout(goMinor: number, elf: Elf, tlsg: number | undefined): RuntimeLayout {
  return {
    goidOffset: GOID_OFFSET[goMinor] ?? GOID_OFFSET[goMinor > 27 ? 27 : 15]!,
    stackHiOffset: STACK_HI_OFFSET,
    tlsOffset: tlsOffset(elf, tlsg),
  };
}

export function isKnownVersion(goMinor: number): boolean {
  return GOID_OFFSET[goMinor] !== undefined;
}

/** x86-64 ABI, TLS variant II: the program's block ends at the FS base, so a variable is at −align(memsz) + its offset. */
function tlsOffset(elf: Elf, tlsg: number | undefined): number {
  const tls = elf.segments.find((segment) => segment.type === "tls");
  if (elf.arch !== "amd64" || tls === undefined || tlsg === undefined || tlsg >= tls.memorySize)
    return PURE_GO_TLS_OFFSET;
  const align = Math.max(tls.align, 1);
  return -(Math.ceil(tls.memorySize / align) * align) + tlsg;
}

/** `go1.27.4`, `go1.25-abc X:foo`, `devel go1.28-…`: the minor number. */
export function goMinorVersion(goVersion: string): number | undefined {
  const match = /\bgo1\.(\d+)/.exec(goVersion);
  return match === null ? undefined : Number(match[1]);
}
