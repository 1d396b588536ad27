/**
 * The differences between us and a witness that have an explanation; every other difference fails the matrix. The
 * explanations were checked by disassembly and by real calls (README of this folder's program: `shapes -print`).
 */

import { unavailablePart } from "./checkParameters.ts";
import type { Check } from "./checkProgram.ts";
import type { Findings } from "./findings.ts";

interface Explained {
  readonly kind: RegExp;
  readonly why: string;
  /** How often it may occur, of 1000 functions or parameters; absent: any number. */
  readonly per1000?: number;
}

/** Of all parameters, at most this part may have no place. */
const MAX_UNAVAILABLE = 0.02;
/** With types from the source only: some of the compiler's functions stand in no source. */
const MAX_WITHOUT_SOURCE = 0.2;

const PARAMETERS: readonly Explained[] = [
  { kind: /^unavailable: /, why: "bounded by MAX_UNAVAILABLE" },
  { kind: /^no signature: /, why: "bounded by MAX_UNAVAILABLE" },
  { kind: /^DWARF: empty \(optimised away\)$/, why: "the caller passed it all the same, where the ABI says" },
  {
    kind: /^DWARF: no entry in the list for the first instruction$/,
    why: "as above: the list begins later",
    per1000: 40,
  },
  { kind: /^DWARF: a part of the pieces is missing$/, why: "words that the function does not use", per1000: 60 },
  {
    kind: /^DWARF: the slots of some words stand for the whole value$/,
    why: "the used words' places, not the value's",
    per1000: 60,
  },
  {
    kind: /^DWARF: a slot of a frame that is not built yet$/,
    why: "the spill slot after the prologue; 1.17 widely",
    per1000: 200,
  },
  {
    kind: /^DWARF: spill slot where we say register$/,
    why: "the caller's spill space, which the callee fills later; 1.17 widely",
    per1000: 150,
  },
  { kind: /^DWARF: a piece repeated$/, why: "compiler defect of 1.16 to 1.26: one word listed twice", per1000: 70 },
  {
    kind: /^another register$/,
    why: "another parameter's register: context.(*cancelCtx).cancel and the like",
    per1000: 5,
  },
  {
    kind: /^DWARF: an expression of another kind$/,
    why: "behind a pointer in the frame, where the function later moves it to the heap (prometheus' newLabelMatcher)",
    per1000: 1,
  },
  { kind: /^another stack slot$/, why: "a word's slot for the value", per1000: 10 },
];

const NO_SITE: readonly Explained[] = [
  {
    kind: /^not planned: a (loop leads|jump table may lead) back to its first instruction/,
    why: "a probe there would count rounds of the loop",
    per1000: 2,
  },
  {
    kind: /^not planned: no instruction after its stack check runs once per call/,
    why: "cgo's stubs without DWARF",
    per1000: 2,
  },
];

const EXPLAINED: Readonly<Record<Check, readonly Explained[]>> = {
  functions: [
    {
      kind: /^C functions that a stripped file does not name$/,
      why: "pclntab has Go's functions only, and strip took the symbols",
    },
  ],
  table: [],
  code: [
    {
      kind: /^no function of ours$/,
      why: "C functions of a stripped program, as above; Go's would fail `functions`",
      per1000: 30,
    },
    ...NO_SITE,
  ],
  parameters: PARAMETERS,
  inlined: [],
  sites: [
    ...NO_SITE,
    {
      kind: /^not planned: the kernel accepts no probe on its first instruction \(lock /,
      why: "arch/x86/kernel/uprobes.c, is_prefix_bad: functions of one locked instruction",
      per1000: 2,
    },
    {
      kind: /^note: a ret is probed that nothing seems to reach$/,
      why: "behind a call of a function that never returns but is not known as such to the compiler; its probe never hits",
      per1000: 10,
    },
    {
      kind: /^note: RSP is not known at a ret$/,
      why: "assembly that aligns RSP",
      per1000: 2,
    },
    {
      kind: /^note: a jump out of the function is told that nothing seems to reach$/,
      why: "as above",
      per1000: 2,
    },
  ],
  source: [
    ...PARAMETERS,
    {
      kind: /^parameter that DWARF does not list, of a wrapper$/,
      why: "DWARF calls the receiver `.this`, and leaves out what an inlined method does not use",
    },
  ],
};

/** What the findings of one check hold beyond the explained differences; empty: all well. */
export function judge(check: Check, findings: Findings): string[] {
  const complaints: string[] = [];
  const total = Math.max(
    1,
    findings.counts["parameters"] ?? findings.counts["functions"] ?? findings.counts["ours"] ?? 0,
  );
  for (const { kind, details } of findings.kinds()) {
    const explained = EXPLAINED[check].find((candidate) => candidate.kind.test(kind));
    if (explained === undefined) complaints.push(`${check}: ${kind}: ${details.join("; ")}`);
    else if (explained.per1000 !== undefined && (1000 * details.length) / total > explained.per1000)
      complaints.push(
        `${check}: ${kind}: ${details.length} of ${total} is more than its explanation (${explained.why}) covers`,
      );
  }
  const limit = check === "source" ? MAX_WITHOUT_SOURCE : MAX_UNAVAILABLE;
  if (unavailablePart(findings) > limit)
    complaints.push(`${check}: ${(100 * unavailablePart(findings)).toFixed(1)} % of the parameters have no place`);
  return complaints;
}
