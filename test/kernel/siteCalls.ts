/** What test/programs/sites does, for the tests that count. */

/** Calls per round of test/programs/sites. Functions that never return have no returns to count. */
export const SITE_CALLS: Record<string, number> = {
  leaf: 2,
  leafBranch: 1,
  leafLoop: 1,
  loopOverParameter: 1,
  empty: 1,
  switchLeaf: 1,
  switchLoop: 1,
  twoReturns: 2,
  framed: 4,
  frame200: 1,
  frame8k: 1,
  fill: 2,
  nosplit: 1,
  nosplit2: 1,
  stores: 1,
  neverReturns: 1,
  recovers: 1,
  nineWords: 1,
  "closureMaker.func1": 1,
  "point.Sum": 2,
  "(*point).Sum": 2,
  throughInterface: 2,
  round: 1,
};

/** What only some compilers make traceable. */
export const MAY_BE_REFUSED = new Set(["switchLoop"]);
