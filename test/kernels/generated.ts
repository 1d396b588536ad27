/** The generated programs that stand in each kernel: what they are made of, and where they are. */
import { join } from "node:path";
import { buildConditions } from "../conditions/check.ts";
import { randomConditions } from "../conditions/generate.ts";
import { buildValues } from "../values/build.ts";
import { packedSource } from "../values/generate.ts";

/** Kinds of values in one function: each probe takes an emulated machine without attach cookies half a second. */
const KINDS_EACH = 8;
/** As many of `each` as a function's condition has steps for, with the first seed with which they all fit. */
const CONDITIONS = { count: 10, seed: 4, each: 10 } as const;
export const conditions = () => randomConditions(CONDITIONS.count, CONDITIONS.seed, CONDITIONS.each);
const VERSION = "1.27.4";

/** By name in the folder of built programs. */
export const GENERATED = {
  values: () => buildValues(VERSION, "default", packedSource(KINDS_EACH)),
  conditions: () => buildConditions(VERSION, "default", conditions()),
} as const;

/** Inside the kernel: its path. */
export function builtAs(name: keyof typeof GENERATED): string {
  return join(process.env["PROBELENS_BUILT_PROGRAMS"] ?? "", name);
}
