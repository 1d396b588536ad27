/** The arithmetic of the bound on what probes cost (helper/governor.h), compiled as it is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FEW_FUNCTIONS } from "../../../src/protocol/budget.ts";

const folder = mkdtempSync(join(tmpdir(), "probelens-governor-"));
const program = join(folder, "governor");
before(() => {
  const source = fileURLToPath(new URL("governor.c", import.meta.url));
  execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", source, "-o", program], { stdio: "inherit" });
});
after(() => rmSync(folder, { recursive: true }));

function answers(commands: readonly string[]): string[] {
  return execFileSync(program, { input: commands.join("\n"), encoding: "utf8" })
    .trimEnd()
    .split("\n");
}

const MS = 1_000_000;
/** Between two looks. */
const LOOK_MS = 100;

/** When it is too much first, in milliseconds, at this share of a core; `shares` repeats. */
function noticedAfter(
  budget: number,
  shares: readonly number[],
  seconds: number,
  stepMs = LOOK_MS,
  functions = 1,
): number | undefined {
  const steps = Math.floor((seconds * 1000) / stepMs);
  const looks = Array.from({ length: steps }, (_, step) => {
    const share = shares[Math.floor((step * stepMs) / LOOK_MS) % shares.length] ?? 0;
    return `l ${(step + 1) * stepMs * MS} ${share * stepMs * MS}`;
  });
  const at = answers([`s ${budget} ${functions} 0 0`, ...looks]).indexOf("1");
  return at < 0 ? undefined : (at + 1) * stepMs;
}

const looksAt = (share: number, count: number): number[] => Array.from({ length: count }, () => share);
const burst = (share: number, ms: number): number[] => [...looksAt(share, ms / LOOK_MS), ...looksAt(0, 600)];

describe("when it is too much", () => {
  for (const [name, budget, shares, expected] of [
    ["nothing", 0.05, [0], undefined],
    ["within the budget", 0.05, [0.049], undefined],
    ["a little more than the budget, all the time", 0.05, [0.06], 1000],
    ["a flood of one thread", 0.05, [0.95], 1000],
    ["a flood of eight threads", 0.05, [7.5], 200],
    ["a flood under a budget of two cores", 2, [1.9], undefined],
    ["a burst of 0.8 s", 0.05, burst(1, 800), undefined],
    ["a burst of four threads of 0.2 s", 0.05, burst(4, 200), undefined],
    ["a burst of four threads of 0.3 s", 0.05, burst(4, 300), 300],
    ["short peaks that the budget allows together", 0.05, [0.4, ...looksAt(0, 9)], undefined],
    ["short peaks that it does not allow together", 0.05, [0.9, ...looksAt(0, 4)], 7600],
  ] as const)
    it(name, () => assert.equal(noticedAfter(budget, shares, 60), expected));

  it("a flood that begins after a minute", () =>
    assert.equal(noticedAfter(0.05, [...looksAt(0.01, 600), ...looksAt(0.95, 100)], 70), 60_900));

  it("looks that come late find the same", () => {
    assert.equal(noticedAfter(0.05, [0.95], 60, 500), 1000);
    assert.equal(noticedAfter(0.05, [0.06], 60, 500), 1000);
    assert.equal(noticedAfter(0.05, [0.049], 60, 500), undefined);
  });

  it("looks that come soonest find the same", () => {
    assert.equal(noticedAfter(0.05, [0.06], 60, 20), 960);
    assert.equal(noticedAfter(0.05, [0.049], 60, 20), undefined);
  });

  for (const [functions, expected] of [
    [FEW_FUNCTIONS, 960],
    [200, 560],
    [412, 280],
    [1459, 120],
    [10_000, 120],
  ] as const)
    it(`a flood of one thread, of ${functions} functions`, () =>
      assert.equal(noticedAfter(0.05, [0.95], 60, 20, functions), expected));

  it("what is within the budget stays, of however many functions", () =>
    assert.equal(noticedAfter(0.05, [0.049], 60, 20, 10_000), undefined));

  it("a clock that stands still tells nothing", () =>
    assert.deepEqual(answers(["s 0.05 1 0 0", "l 0 1e12", "l 0 1e12"]), ["0", "0"]));
});

it("what was spent since a time is known from the look before it", () =>
  assert.deepEqual(
    answers(["s 0.05 1 0 0", "l 100 7", "l 200 11", "d 0", "d 100", "d 150", "d 200", "d -1"]).slice(2),
    ["18", "11", "11", "0", "0"],
  ));

describe("when it is looked at again", () => {
  /** On so many CPUs. */
  for (const [name, commands, cpus, expected] of [
    ["two CPUs cannot use up a second in a tenth", ["s 0.05 1 0 0"], 2, 100],
    ["sixteen can", ["s 0.05 1 0 0"], 16, 62.5],
    ["not sooner than looking pays", ["s 0.05 1 0 0"], 256, 20],
    ["the less of the burst is left, the sooner", ["s 0.05 1 0 8.8e8"], 2, 60],
    ["so with many functions", ["s 0.05 2000 0 0"], 2, 50],
    ["while one look may be enough", ["s 0.05 1 0 0", "r 0 0"], 1, 50],
  ] as const)
    it(name, () => assert.equal(Number(answers([...commands, `p ${cpus}`])[0]) / MS, expected));
});

describe("what has to be saved", () => {
  /** Of 1 000 ns on two CPUs, with a budget of 50. */
  for (const [name, cost, used, growth, expected, functions = 1] of [
    ["a little more than the budget", 60, 2000, 1, 12],
    ["half of one CPU: the rest comes a third more often", 500, 1000, 1, 462],
    ["all of one CPU: the rest comes twice as often", 1000, 1000, 1, 975],
    ["all CPUs: nobody knows", 2000, 2000, 1, 1999],
    ["more than there is", 3000, 2000, 1, 2999],
    ["all CPUs, and thousands of functions", 2000, 2000, 1, 2000, 2000],
    ["it grew, and it is what the target does all the time", 100, 110, 5, 90],
    ["it grew more", 100, 110, 500, 99],
    ["without bound, and of thousands", 100, 110, 1e9, 100, 2000],
    ["it grew, and it is a part of what the target does: that may be a burst", 100, 300, 5, 75],
    ["it grew a little", 100, 300, 1.25, 60],
    ["it did not grow, although it is all that the target does", 100, 110, 1, 52],
    ["it became less", 100, 110, 0.5, 52],
  ] as const)
    it(name, () =>
      assert.deepEqual(answers([`e ${cost} 1000 0.05 2 ${used} ${growth} ${functions}`]), [String(expected)]),
    );
});

describe("after some were removed", () => {
  const REMOVED = ["s 0.05 1 -1000000000 0", "r 0 0.01"] as const;
  /** Repeats the shares. */
  const looks = (shares: readonly number[], count: number): string[] =>
    Array.from({ length: count }, (_, n) => {
      const share = shares[n % shares.length] ?? 0;
      return `l ${(n + 1) * LOOK_MS * MS} ${share * LOOK_MS * MS}`;
    });
  const noticed = (shares: readonly number[], seconds: number): number | undefined => {
    const at = answers([...REMOVED, ...looks(shares, seconds * 10)]).indexOf("1");
    return at < 0 ? undefined : (at + 1) * LOOK_MS;
  };
  for (const [name, shares, expected] of [
    ["a flood goes at once", [0.95], 100],
    ["of all that a slow machine counts", [0.66], 100],
    ["what is still too much goes after three periods", [0.1], 600],
    ["what takes twice as long to use up as much", [0.15], 600],
    ["what is cheap stays", [0.04], undefined],
    ["a second's budget in one look stays", [0.5, ...looksAt(0, 9)], undefined],
    ["more than a second's does not", [0.7, ...looksAt(0, 9)], 100],
    ["bursts that are too much together do not", [0.5, ...looksAt(0, 4)], 600],
  ] as const)
    it(name, () => assert.equal(noticed(shares, 60), expected));

  it("a second within the budget ends the alarm", () => {
    const afterCalm = (calmLooks: number): string | undefined =>
      answers([...REMOVED, ...looks([0.01], calmLooks), ...looks([0.95], 15).slice(calmLooks, calmLooks + 1)]).at(-1);
    assert.deepEqual([afterCalm(9), afterCalm(10)], ["1", "0"]);
  });

  for (const [name, commands, expected] of [
    ["how much the rest costs more is measured from the removal on", ["r 0 0.01", ...looks([0.04], 2)], "4.00"],
    ["what others removed tells nothing", ["r 0 0", ...looks([0.04], 2)], "1.00"],
    ["nothing is known before the next look", ["r 0 0.01"], "1.00"],
    ["and before there was a removal", looks([0.04], 2), "1.00"],
    ["after the alarm it does not matter", ["r 0 0.01", ...looks([0.04], 10)], "1.00"],
  ] as const)
    it(name, () => assert.equal(answers(["s 0.05 1 -1000000000 0", ...commands, "g"]).at(-1), expected));
});

describe("what a trace leaves to the next one of its target", () => {
  const look = (ms: number, share: number): string => `l ${ms * MS} ${share * 100 * MS}`;
  const left = (...commands: string[]): string => answers([...commands, "b"]).at(-1) ?? "";
  for (const [name, commands, expected] of [
    ["nothing was spent", ["s 0.05 1 0 0", look(100, 0)], "1000 0"],
    ["half of a core for a tenth of a second", ["s 0.05 1 0 0", look(100, 0.5)], "955 45"],
    ["it is paid back", ["s 0.05 1 0 0", look(100, 0.5), look(2000, 0)], "1000 0"],
    [
      "what a removal forgives the rest, it does not forgive others",
      ["s 0.05 1 0 0", look(100, 9), "r 200 0"],
      "500 895",
    ],
    ["the burst is smaller by the debt", ["s 0.05 1 0 4e8"], "600 400"],
    ["a part of it is left in any case", ["s 0.05 1 0 1e9"], "100 1000"],
    ["all that somebody named have all of it", [`s 0.05 ${FEW_FUNCTIONS} 0 0`], "1000 0"],
    ["one more function has less of it", [`s 0.05 ${FEW_FUNCTIONS + 1} 0 0`], "990 0"],
    ["many functions have less of it from the start", ["s 0.05 400 0 0"], "250 0"],
    ["thousands the same as any", ["s 0.05 5000 0 0"], "100 0"],
    ["of many, it grows to the same by and by", ["s 0.05 400 0 0", look(20_000, 0)], "1000 0"],
    ["no debt is larger than the burst", ["s 0.05 1 0 0", look(100, 90)], "-7995 1000"],
  ] as const)
    it(name, () => assert.equal(left(...commands), expected));
});

describe("whether capturing less suffices", () => {
  /** Of 1 000 ns, with a budget of 50: what captures may take. */
  for (const [name, kept, times, expected] of [
    ["hits cost next to nothing", 0, 1, 25],
    ["hits take a part of the budget", 20, 1, 15],
    ["hits take half of the budget", 25, 1, 0],
    ["hits will take more once the target runs freely", 20, 2, 0],
    ["hits alone are too much", 60, 1, 0],
  ] as const)
    it(name, () => assert.deepEqual(answers([`w ${kept} 1000 0.05 ${times}`]), [String(expected)]));

  for (const [name, room, wanted, expected] of [
    ["one", 20, [100], 20],
    ["two alike", 20, [100, 100], 10],
    ["a small one has what it wants", 20, [100, 2], 18],
    ["small ones by and by", 30, [100, 4, 9, 1], 16],
    ["room for all", 200, [100, 50], 100],
  ] as const)
    it(`a fair share: ${name}`, () =>
      assert.deepEqual(answers([`q ${room} ${wanted.length} ${wanted.join(" ")}`]), [String(expected)]));
});

describe("what goes", () => {
  /** Of each function: calls, returns, and whether its calls may wait for them. */
  for (const [name, functions, excess, expected] of [
    ["nothing", [[10, 0]], 0, ""],
    ["the only one", [[10, 0]], 1, "0"],
    [
      "the most expensive",
      [
        [10, 0],
        [30, 0],
        [20, 0],
      ],
      5,
      "1",
    ],
    [
      "as many as it takes",
      [
        [10, 0],
        [30, 0],
        [20, 0],
      ],
      45,
      "1 2",
    ],
    [
      "the returns of the most expensive before its calls",
      [
        [10, 100],
        [5, 20],
      ],
      50,
      "0r",
    ],
    [
      "its returns, then another's",
      [
        [10, 100],
        [5, 20],
      ],
      110,
      "0r 1r",
    ],
    [
      "its returns, then its calls where they are the most expensive",
      [
        [50, 100],
        [5, 20],
      ],
      110,
      "0r 0",
    ],
    [
      "cheap returns stay beside calls that are expensive",
      [
        [1, 2],
        [90, 0],
      ],
      50,
      "1",
    ],
    [
      "all",
      [
        [10, 100],
        [5, 20],
      ],
      1e9,
      "0r 1r 0 1",
    ],
    [
      "both where calls wait for returns",
      [
        [10, 100, 1],
        [5, 20],
      ],
      50,
      "0",
    ],
    [
      "none that was not hit",
      [
        [0, 0],
        [7, 0],
      ],
      1e9,
      "1",
    ],
  ] as const)
    it(name, () => {
      const commands = functions.map(([calls, returns, parks = 0], entry) => `f ${entry} ${calls} ${returns} ${parks}`);
      assert.equal(answers([...commands, `c ${excess}`])[0]?.trim(), expected);
    });
});
