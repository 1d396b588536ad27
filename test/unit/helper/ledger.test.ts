/** What holders of one target tell each other (helper/ledger.h), compiled as it is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const folder = mkdtempSync(join(tmpdir(), "probelens-ledger-"));
const program = join(folder, "ledger");
before(() => {
  const source = fileURLToPath(new URL("ledger.c", import.meta.url));
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", source, "-o", program], {
    stdio: "inherit",
  });
});
after(() => rmSync(folder, { recursive: true }));

function answers(commands: readonly string[]): string[] {
  return execFileSync(program, { input: commands.join("\n"), encoding: "utf8" })
    .trimEnd()
    .split("\n");
}

const SECOND = 1_000_000_000;
/** Of this boot. */
const NOW = 1000 * SECOND;
const TARGET = 42;

interface Row {
  readonly at?: number;
  readonly owner?: number;
  readonly target?: number;
  /** Seconds before now. */
  readonly age: number;
  readonly cost?: number;
  readonly debt?: number;
  readonly budget?: number;
  readonly weight?: number;
}
const row = ({ at = 0, owner = 7, target = TARGET, age, cost = 0, debt = 0, budget = 0.05, weight = 0 }: Row): string =>
  `row ${at} ${owner} ${target} ${NOW - age * SECOND} ${cost} ${debt} ${budget} ${weight}`;
const take = (budget = 0.05): string => `take ${TARGET} ${budget} ${NOW}`;

describe("a row", () => {
  for (const [name, commands, expected] of [
    ["of an empty file", [take()], "0 0"],
    ["beside one that is in use", [row({ age: 0.1 }), take()], "1 0"],
    ["of a holder that was killed", [`all 7 1 ${NOW}`, row({ at: 9, age: 3 }), take()], "9 0"],
    ["of an earlier boot, whose clock was ahead", [`all 7 1 ${NOW}`, row({ at: 9, age: -5000 }), take()], "9 0"],
    ["there is none", [`all 7 1 ${NOW}`, take()], "-1 0"],
    ["that was left longest ago", [`all 0 1 ${NOW - 9 * SECOND}`, row({ at: 9, owner: 0, age: 60 }), take()], "9 0"],
  ] as const)
    it(name, () => assert.equal(answers(commands).at(-1), expected));

  it("is left for the next one", () => assert.deepEqual(answers([take(), "leave", take()]), ["0 0", "1 0"]));
});

describe("debts of a target", () => {
  const debt = 4e8;
  for (const [name, one, expected] of [
    ["of a trace that has just ended", { owner: 0, age: 0, debt }, 400],
    ["are paid back by the budget", { owner: 0, age: 2, debt }, 300],
    ["until nothing is left", { owner: 0, age: 9, debt }, 0],
    ["of a trace that runs", { age: 0, debt }, 400],
    ["of another target are not this one's", { owner: 0, target: 43, age: 0, debt }, 0],
    ["of a trace that was allowed less are not", { owner: 0, age: 0, debt, budget: 0.01 }, 0],
    ["of an earlier boot are not", { owner: 0, age: -5000, debt }, 0],
    ["are never larger than a burst", { owner: 0, age: 0, debt: 1e18 }, 1000],
    ["are never negative", { owner: 0, age: 0, debt: -1e18 }, 0],
    ["are no numbers", { owner: 0, age: 0, debt: NaN }, 0],
  ] as const)
    it(name, () =>
      assert.equal(
        answers([row(one), take()])
          .at(-1)
          ?.split(" ")[1],
        String(expected),
      ),
    );
});

describe("what others cost, whether there are any, whether theirs go first", () => {
  const other = { at: 5, cost: 100, weight: 0.5 };
  for (const [name, before, later, expected] of [
    ["one that runs", { ...other, age: 0 }, { ...other, age: 0, cost: 150 }, "50 1 1"],
    ["one with a higher budget keeps its own", { ...other, age: 0 }, { ...other, age: 0, budget: 0.1 }, "0 1 0"],
    ["one of another target", { ...other, age: 0 }, { ...other, age: 0, cost: 150, target: 43 }, "0 0 0"],
    ["one that is stopped", { ...other, age: 0 }, { ...other, age: 3, cost: 150 }, "0 0 0"],
    ["one of an earlier boot", { ...other, age: 0 }, { ...other, age: -5000, cost: 150 }, "0 0 0"],
    ["one that came to its row just now", { ...other, age: 0 }, { ...other, age: 0, owner: 8, cost: 900 }, "0 1 1"],
    ["figures that are none", { ...other, age: 0 }, { ...other, age: 0, cost: NaN, weight: NaN }, "0 1 0"],
  ] as const)
    it(name, () => {
      const commands = [row(before), take(), `others ${NOW}`, row(later), `others ${NOW}`];
      assert.equal(answers(commands).at(-1), expected);
    });
});
