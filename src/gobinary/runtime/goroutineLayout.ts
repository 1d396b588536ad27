/**
 * Where the kernel program finds a goroutine's identity: offsets in `runtime.g`.
 *
 * The table holds released versions; a test compares it with each version's own DWARF. For a version that is not in
 * it the binary's DWARF is asked.
 */

import type { GoType } from "../../goabi/type.ts";
import type { RuntimeLayout } from "../api.ts";

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
const NEWEST_MINOR = 27;
const OLDEST_MINOR = 15;
const STACK_HI_OFFSET = 8;

export function isKnownVersion(goMinor: number): boolean {
  return GOID_OFFSET[goMinor] !== undefined;
}

/** Versions outside the table get the nearest one's layout. */
export function tabledLayout(goMinor: number, tlsOffset: number): RuntimeLayout {
  const nearest = Math.min(Math.max(goMinor, OLDEST_MINOR), NEWEST_MINOR);
  return { goidOffset: GOID_OFFSET[nearest]!, stackHiOffset: STACK_HI_OFFSET, tlsOffset };
}

/** From the type `runtime.g`; undefined where it lacks the fields. */
export function layoutFromType(g: GoType, tlsOffset: number): RuntimeLayout | undefined {
  if (g.kind !== "struct") return undefined;
  const goid = g.fields.find((field) => field.name === "goid");
  const stack = g.fields.find((field) => field.name === "stack");
  const high = stack?.type.kind === "struct" ? stack.type.fields.find((field) => field.name === "hi") : undefined;
  if (goid === undefined || stack === undefined || high === undefined) return undefined;
  return { goidOffset: goid.offset, stackHiOffset: stack.offset + high.offset, tlsOffset };
}

/** `go1.27.4`, `go1.25-abc X:foo`, `devel go1.28-…`: the minor number. */
export function goMinorVersion(goVersion: string): number | undefined {
  const match = /\bgo1\.(\d+)/.exec(goVersion);
  return match === null ? undefined : Number(match[1]);
}
