/** Where tests and benchmarks keep what takes long to fetch or build, beside the product's own cache. */
import { join } from "node:path";
import { cacheHome } from "../src/engine/programs/answerCache.ts";

export function cacheFolder(...names: string[]): string {
  const home = cacheHome();
  if (home === undefined) throw new Error("tests keep what they build in a cache: set HOME or XDG_CACHE_HOME");
  return join(home, "probelens", ...names);
}
