/** Which of the runtime's map structures a program has. */
import type { MapType } from "../type.ts";
import { type Bucket, bucketLayout } from "./hmap.ts";
import type { SlotGroup } from "./slotGroup.ts";
import { groupLayout } from "./swissMap.ts";

export type MapFlavour = "hmap" | "swiss-interleaved" | "swiss-split" | "unknown";

/**
 * `goVersion` as the build info has it, with the experiments that differ from the version's defaults
 * (`go1.25.3 X:noswissmap`, `go1.27.4-X:mapsplitgroup`).
 */
export function mapFlavour(goMinor: number, goVersion: string): MapFlavour {
  const experiments = new Set(/[ -]X:(\S+)/.exec(goVersion)?.[1]?.split(",") ?? []);
  const swiss = experiments.has("swissmap") || (goMinor >= 24 && !experiments.has("noswissmap"));
  if (!swiss) return "hmap";
  // Go 1.27 knows the experiment, and is built without it (internal/buildcfg/exp.go, baseline).
  return experiments.has("mapsplitgroup") ? "swiss-split" : "swiss-interleaved";
}

export type MapStorage =
  | { readonly kind: "hmap"; readonly bucket: Bucket }
  | { readonly kind: "swiss"; readonly group: SlotGroup };

/** Undefined where the flavour, or the size of key or elem is not known. */
export function mapStorage(flavour: MapFlavour, { key, elem }: MapType): MapStorage | undefined {
  if (flavour === "unknown") return undefined;
  if (flavour === "hmap") {
    const bucket = bucketLayout(key, elem);
    return bucket && { kind: "hmap", bucket };
  }
  const group = groupLayout(flavour === "swiss-split" ? "split" : "interleaved", key, elem);
  return group && { kind: "swiss", group };
}
