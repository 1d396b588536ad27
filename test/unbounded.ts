/**
 * Tests and benchmarks call what they trace in tight loops, which is what the budget is there to end: their command lines
 * trace without one, unless they name their own (test/kernel/governor.test.ts).
 */
export function unbounded(words: readonly string[]): string[] {
  const at = words.findIndex((word, index) => word === "trace" && words[index - 1]?.endsWith("cli.js") === true);
  if (at < 0 || words.some((word) => word.startsWith("--budget"))) return [...words];
  return [...words.slice(0, at + 1), "--budget", "off", ...words.slice(at + 1)];
}
