/** What a program's Go version decides about the runtime's structures. */
import { type ChanLayout, chanLayout } from "./hchan.ts";
import { type LabelsLayout, labelsLayout } from "./labels.ts";
import { type MapFlavour, mapFlavour } from "./map.ts";

export interface RuntimeFacts {
  readonly goMinor: number;
  readonly maps: MapFlavour;
  readonly chan: ChanLayout;
  readonly labels: LabelsLayout;
}

/** `goVersion` as the build info has it: `go1.27.4`, `go1.25.3 X:noswissmap`. */
export function runtimeFacts(goMinor: number, goVersion: string): RuntimeFacts {
  return {
    goMinor,
    maps: mapFlavour(goMinor, goVersion),
    chan: chanLayout(goMinor),
    labels: labelsLayout(goMinor),
  };
}
