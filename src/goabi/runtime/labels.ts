/**
 * A goroutine's pprof labels: `g.labels` points to runtime/pprof.labelMap. Up to Go 1.23 that is a map[string]string
 * (one map word); since then a struct of one slice of key and value pairs (runtime/pprof/label.go; since 1.27
 * internal/runtime/pprof/label). Offsets in bytes.
 */
import type { GoType, MapType, StructField } from "../type.ts";
import { SLICE } from "./slice.ts";
import { STRING } from "./string.ts";
import { WORD } from "./word.ts";

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

const TEXT: GoType = { kind: "string", name: "string", size: STRING.size, align: WORD, named: false };

export const LABEL_MAP: MapType = {
  kind: "map",
  name: "map[string]string",
  size: WORD,
  align: WORD,
  named: false,
  key: TEXT,
  elem: TEXT,
};

/** What `g.labels` points to. */
export function labelsType(layout: LabelsLayout): GoType {
  if (layout.kind === "map") return LABEL_MAP;
  const { slice, elem } = layout;
  const pair = struct("pprof.label", elem.size, [
    { name: "key", offset: elem.key, type: TEXT },
    { name: "value", offset: elem.value, type: TEXT },
  ]);
  const list: GoType = {
    kind: "slice",
    name: "[]pprof.label",
    size: SLICE.size,
    align: WORD,
    named: false,
    elem: pair,
  };
  return struct("pprof.labelMap", slice + SLICE.size, [{ name: "list", offset: slice, type: list }]);
}

function struct(name: string, size: number, fields: readonly Omit<StructField, "embedded">[]): GoType {
  const own = fields.map((field) => ({ ...field, embedded: false }));
  return { kind: "struct", name, size, align: WORD, named: true, fields: own };
}
