/** The generated programs that stand in each kernel: what they are made of, and where they are. */
import { join } from "node:path";
import { buildConditions } from "../conditions/check.ts";
import { randomConditions } from "../conditions/generate.ts";
import { buildValues } from "../values/build.ts";
import { randomSource } from "../values/generate.ts";

/** Small, because an emulated machine takes thirty times as long for each. */
const VALUES = { functions: 60, calls: 2, seed: 1 } as const;
export const CONDITIONS = { count: 12, seed: 7 } as const;
const VERSION = "1.27.4";

/** By name in the folder of built programs. */
export const GENERATED = {
  values: () => buildValues(VERSION, "default", randomSource(VALUES.functions, VALUES.calls, VALUES.seed)),
  conditions: () => buildConditions(VERSION, "default", randomConditions(CONDITIONS.count, CONDITIONS.seed)),
} as const;

/** Inside the kernel: its path. */
export function builtAs(name: keyof typeof GENERATED): string {
  return join(process.env["PROBELENS_BUILT_PROGRAMS"] ?? "", name);
}
