/**
 * A pprof label as a value, where a context or a LabelSet is an argument: its key tells whether its value is secret, as
 * a map's does. The runtime's type of one pair is runtime/pprof.label up to Go 1.25 (runtime/pprof/label.go), then
 * internal/runtime/pprof/label.Label; up to 1.23 a context carries a map instead.
 */
import type { IsSecretName } from "../goabi/secretNames.ts";
import type { StructType } from "../goabi/type.ts";
import { hidesValue } from "./maps.ts";
import { absent, type Compile, type Decode } from "./walk.ts";

const PAIRS = new Map([
  ["pprof.label", "runtime/pprof.label"],
  ["label.Label", "internal/runtime/pprof/label.Label"],
]);

/** Undefined for other structs. */
export function labelPairDecoder(type: StructType, compile: Compile, isSecret: IsSecretName): Decode | undefined {
  const { name, kind, fields } = type;
  const full = PAIRS.get(name);
  if (full === undefined || (type.linkName ?? full) !== full) return undefined;
  const [key, value] = fields;
  if (fields.length !== 2 || key?.type.kind !== "string" || value?.type.kind !== "string") return undefined;
  return (at, offset, walk) => {
    const shownKey = compile(key.type)(at, offset + key.offset, walk);
    const hidden = hidesValue(shownKey, isSecret);
    const shownValue =
      hidden === undefined ? compile(value.type)(at, offset + value.offset, walk) : absent(value.type, hidden);
    return {
      type: name,
      kind,
      fields: [
        { name: key.name, value: shownKey },
        { name: value.name, value: shownValue },
      ],
    };
  };
}
