/** What a program's Go version decides about the runtime's structures. */
import { type ChanLayout, chanLayout } from "./hchan.ts";
import { type LabelsLayout, labelsLayout } from "./labels.ts";
import { type MapFlavour, mapFlavour } from "./map.ts";

export interface RuntimeFacts {
  readonly goMinor: number;
  readonly maps: MapFlavour;
  /** Absent: not known. */
  readonly chan?: ChanLayout;
  readonly labels: LabelsLayout;
}

/** Versions whose runtime was looked at. Others may have moved what stands here: their maps and channels are not read. */
const KNOWN = { oldest: 12, newest: 27 } as const;

/** `goVersion` as the build info has it: `go1.27.4`, `go1.25.3 X:noswissmap`. */
export function runtimeFacts(goMinor: number, goVersion: string): RuntimeFacts {
  const labels = labelsLayout(goMinor);
  if (!isKnownRuntime(goMinor)) return { goMinor, maps: "unknown", labels };
  return { goMinor, maps: mapFlavour(goMinor, goVersion), chan: chanLayout(goMinor), labels };
}

export function isKnownRuntime(goMinor: number): boolean {
  return goMinor >= KNOWN.oldest && goMinor <= KNOWN.newest;
}
