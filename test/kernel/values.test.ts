/**
 * Argument values of every shape of function: test/programs/shapes says what it calls with which arguments, and the
 * trace must say the same, or that a part is unavailable for a reason that is known here. Never something else.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { CallEvent } from "../../src/server/engineApi.ts";
import { buildGo, eventsOf, run } from "./cliProcess.ts";

/** Texts equal to the program's own, at the least: what later features show only raises these. */
const TOOLCHAINS: [toolchain: string, equal: number][] = [
  ["go1.15.15", 170],
  ["go1.17.13", 150],
  ["go1.21.13", 150],
  ["installed", 155],
  ["go1.27.4", 155],
];

const REASONS = [
  "in FP register",
  "slices are not shown yet",
  "maps are not shown yet",
  "channels are not shown yet",
  "functions are not shown yet",
  "interfaces are not shown yet",
  "memory not resident",
  "the binary does not list every parameter, and its debug information contradicts the calling convention",
  "the binary does not list every parameter, and gives no place for this one",
];

for (const [toolchain, least] of TOOLCHAINS) {
  test(`values of every shape, ${toolchain}`, async (t) => {
    const program = buildGo("shapes", toolchain);
    const expected = execFileSync(program, ["-print"], { encoding: "utf8" })
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    const { status, stdout, stderr } = await run("trace", "main.*", "--format", "jsonl", "--", program, "-n", "1");
    assert.equal(status, 0, stderr);
    const calls = byFunction(eventsOf(stdout).calls);
    let equal = 0;
    let unavailable = 0;
    for (const [name = "", ...args] of expected) {
      const candidates = calls.get(name);
      if (candidates === undefined) continue;
      // Other functions of the program may call it too; the call in question is among the events, in order.
      const at = candidates.findIndex((call) => args.every((arg) => agrees(call, arg)));
      assert.ok(
        at >= 0,
        `${name}(${args.join(", ")}) is not among\n${candidates.map((call) => JSON.stringify(call.args)).join("\n")}`,
      );
      for (const { name, text } of candidates[at]!.args) {
        if (args.includes(`${name}=${text}`)) equal++;
        else unavailable++;
      }
      candidates.splice(0, at + 1);
    }
    t.diagnostic(`${equal} texts equal, ${unavailable} in part or whole unavailable or a pointer`);
    assert.ok(equal >= least, `only ${equal} texts equal the program's own`);
  });
}

/** Whether the shown text is the expected one but for what is said to be unavailable and for pointers not followed. */
function agrees(call: CallEvent, arg: string): boolean {
  const equals = arg.indexOf("=");
  const shown = call.args.find(({ name }) => name === arg.slice(0, equals));
  if (shown === undefined) return false;
  const pattern = shown.text
    .split(/(<unavailable: [^>]*>|\(\*[^()]*\)\(0x[0-9a-f]+\))/)
    .map((part, index) => {
      if (index % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
      const reason = /^<unavailable: (.*)>$/.exec(part)?.[1];
      assert.ok(reason === undefined || REASONS.includes(reason), `${call.func} ${shown.name}: ${part}`);
      return ".*";
    })
    .join("");
  return new RegExp(`^${pattern}$`, "s").test(arg.slice(equals + 1));
}

function byFunction(calls: readonly CallEvent[]): Map<string, CallEvent[]> {
  const groups = new Map<string, CallEvent[]>();
  for (const call of calls) {
    const group = groups.get(call.func);
    if (group === undefined) groups.set(call.func, [call]);
    else group.push(call);
  }
  return groups;
}
