/** Random conditions over random calls, compared with what a Go program makes of the same expressions. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { Random } from "../../fuzz/random.ts";
import { KeptState, run } from "./interpreter.ts";
import { GO_PRELUDE, type RandomCondition, randomCall, randomCondition } from "./random.ts";
import { compiled, PARAMS } from "./scene.ts";

const SEED = 7;
const CONDITIONS = 400;
const CALLS = 24;
/** Of the parameters, those that the witness declares. */
const DECLARED = [
  "n",
  "i8",
  "u",
  "name",
  "ok",
  "u32",
  "tags",
  "i16s",
  "grid",
  "user",
  "other",
  "i64",
  "u64",
  "u8",
  "i32",
  "u16",
  "m",
  "err",
  "any",
  "f",
  "c",
  "x",
];

test("random conditions say what Go says", { timeout: 300_000 }, () => {
  const random = new Random(SEED);
  const conditions: RandomCondition[] = [];
  let refused = 0;
  while (conditions.length < CONDITIONS) {
    const condition = randomCondition(random);
    // Constant expressions that Go would refuse, too: an overflow, a division by zero.
    if (isAccepted(condition.text)) conditions.push(condition);
    else refused += 1;
  }
  assert.ok(refused < 4 * CONDITIONS, `${refused} were refused`);
  const calls = Array.from({ length: CALLS }, () => randomCall(random));
  const said = witness(conditions, calls);
  const counts = { t: 0, f: 0, u: 0 };
  for (const [c, { text }] of conditions.entries()) {
    const program = compiled(text);
    for (const [k, { memory, go }] of calls.entries()) {
      const kept = new KeptState();
      const entry = run(program.entry, memory.machine(), kept);
      const answer =
        entry === "late" ? run(program.return ?? program.entry, memory.machine({ ownFrame: true }), kept) : entry;
      const ours = answer === "pass" ? "t" : answer === "reject" ? "f" : "u";
      assert.equal(ours, said[k]?.[c], `seed ${SEED}: ${text}\nwith\n${go}`);
      counts[ours] += 1;
    }
  }
  for (const [answer, count] of Object.entries(counts)) assert.ok(count > 500, `${answer}: ${count}`);
});

function isAccepted(text: string): boolean {
  try {
    compiled(text);
    return true;
  } catch (error) {
    assert.ok(error instanceof UserError, `${text}: ${String(error)}`);
    assert.match(
      error.why,
      / overflows |^division by zero|^the index is|negative shift|too large|too many|constant is too large|of the entry are needed at the return/,
      text,
    );
    return false;
  }
}

/** A line for each call, a letter for each condition. */
function witness(conditions: readonly RandomCondition[], calls: readonly { readonly go: string }[]): string[] {
  assert.ok(DECLARED.every((name) => PARAMS.some(([param]) => param === name)));
  const folder = mkdtempSync(join(tmpdir(), "probelens-condition-"));
  try {
    const signature = `n int, i8 int8, u *User, name string, ok bool, u32 uint32, tags []string, i16s []int16, grid [4]int32, user User, other string, i64 int64, u64 uint64, u8 uint8, i32 int32, u16 uint16, m map[string]int, err error, any any, f func(), c chan int, x float64, goid uint64`;
    const functions = conditions.map(({ go }, index) => `func c${index}(${signature}) byte { return ${go} }`);
    const args = [...DECLARED, "goid"].join(", ");
    const bodies = calls.map(
      ({ go }, index) =>
        `func call${index}() {\n${go}\nfmt.Println(string([]byte{${conditions.map((_, c) => `c${c}(${args})`).join(", ")}}))\n}`,
    );
    const source = `package main\nimport (\n"fmt"\n"io"\n"math"\n"strings"\n)\nvar _ = strings.Contains\nvar _ = math.Pi\nvar _ = io.EOF\n${GO_PRELUDE}\n${functions.join("\n")}\n${bodies.join("\n")}\nfunc main() {\n${calls.map((_, index) => `call${index}()`).join("\n")}\n}\n`;
    writeFileSync(join(folder, "main.go"), source);
    writeFileSync(join(folder, "go.mod"), "module witness\ngo 1.21\n");
    const printed = execFileSync("go", ["run", "."], { cwd: folder, encoding: "utf8", timeout: 240_000 });
    return printed.trimEnd().split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}
