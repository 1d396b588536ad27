/**
 * Where the kernel program finds a goroutine's identity: offsets in `runtime.g`.
 *
 * The table holds released versions; a test compares it with each version's own DWARF. For a version that is not in
 * it the binary's DWARF is asked.
 */

import type { GoType } from "../../goabi/type.ts";
import type { RuntimeLayout } from "../api.ts";

/** `g.goid` and `g.labels` by Go minor version (runtime/runtime2.go). `g.stack.hi` is the second word in all of them. */
const OFFSETS: Readonly<Record<number, { readonly goid: number; readonly labels: number }>> = {
  15: { goid: 152, labels: 344 },
  16: { goid: 152, labels: 344 },
  17: { goid: 152, labels: 360 },
  18: { goid: 152, labels: 360 },
  19: { goid: 152, labels: 360 },
  20: { goid: 152, labels: 360 },
  21: { goid: 152, labels: 344 },
  22: { goid: 152, labels: 344 },
  23: { goid: 160, labels: 352 },
  24: { goid: 160, labels: 352 },
  25: { goid: 152, labels: 344 },
  26: { goid: 152, labels: 352 },
  27: { goid: 152, labels: 352 },
};
const NEWEST_MINOR = 27;
const OLDEST_MINOR = 15;
const STACK_HI_OFFSET = 8;

export function isKnownVersion(goMinor: number): boolean {
  return OFFSETS[goMinor] !== undefined;
}

/** Versions outside the table get the nearest one's layout, marked as such. `told`: the version is no guess. */
export function tabledLayout(goMinor: number, told: boolean, tlsOffset: number): RuntimeLayout {
  const nearest = Math.min(Math.max(goMinor, OLDEST_MINOR), NEWEST_MINOR);
  const { goid, labels } = OFFSETS[nearest]!;
  const known = told && isKnownVersion(goMinor) ? { labelsOffset: labels } : { guessed: true as const };
  return { goidOffset: goid, stackHiOffset: STACK_HI_OFFSET, ...known, tlsOffset };
}

/** From the type `runtime.g`; undefined where it lacks the fields. */
export function layoutFromType(g: GoType, tlsOffset: number): RuntimeLayout | undefined {
  if (g.kind !== "struct") return undefined;
  const goid = g.fields.find((field) => field.name === "goid");
  const stack = g.fields.find((field) => field.name === "stack");
  const high = stack?.type.kind === "struct" ? stack.type.fields.find((field) => field.name === "hi") : undefined;
  if (goid === undefined || stack === undefined || high === undefined) return undefined;
  const labels = g.fields.find((field) => field.name === "labels");
  return {
    goidOffset: goid.offset,
    stackHiOffset: stack.offset + high.offset,
    ...(labels === undefined ? {} : { labelsOffset: labels.offset }),
    tlsOffset,
  };
}

/** `go1.27.4`, `go1.25-abc X:foo`, `devel go1.28-…`: the minor number. */
export function goMinorVersion(goVersion: string): number | undefined {
  const match = /\bgo1\.(\d+)/.exec(goVersion);
  return match === null ? undefined : Number(match[1]);
}
