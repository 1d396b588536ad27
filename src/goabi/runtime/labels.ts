/**
 * A goroutine's pprof labels: `g.labels` points to runtime/pprof.labelMap. Up to Go 1.23 that is a map[string]string
 * (one map word); since then a struct of one slice of key and value pairs (runtime/pprof/label.go). Offsets in bytes.
 */
import { STRING } from "./string.ts";

export type LabelsLayout =
  | { readonly kind: "map" }
  | {
      readonly kind: "list";
      /** The slice's header in the labelMap. */
      readonly slice: number;
      readonly elem: { readonly size: number; readonly key: number; readonly value: number };
    };

const LIST_SINCE = 24;

export function labelsLayout(goMinor: number): LabelsLayout {
  return goMinor >= LIST_SINCE
    ? { kind: "list", slice: 0, elem: { size: 2 * STRING.size, key: 0, value: STRING.size } }
    : { kind: "map" };
}
