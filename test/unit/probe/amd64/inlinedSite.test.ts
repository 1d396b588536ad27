/** Which nops of a function's code count the calls that were inlined into it: what compilers emit, in small. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { InlineMap } from "../../../../src/gobinary/api.ts";
import { EnclosingFunction } from "../../../../src/probe/amd64/inlinedSite.ts";

const ENTRY = 0x401000;
const DEFER_RETURN = 0x402000;

interface Case {
  readonly what: string;
  /** Instructions, hex; `MARK` a nop that stands for call 0, `callee:HEX` an instruction of that call. */
  readonly code: readonly string[];
  readonly goMinor?: number;
  /** Marks of further calls, by index in `code`. */
  readonly others?: readonly number[];
  /** Absent: it is a site. */
  readonly reason?: RegExp;
}

const CALL_DEFER_RETURN = "e8DEFER";
const CASES: readonly Case[] = [
  { what: "a nop of its own", code: ["4801d8", "MARK", "callee:4801d8", "c3"] },
  { what: "another instruction", code: ["4801d8", "mark:4801d8", "c3"], reason: /no instruction of its own/ },
  { what: "the first instruction", code: ["MARK", "callee:4801d8", "c3"], reason: /no instruction of its own/ },
  { what: "two calls", code: ["4801d8", "MARK", "callee:4801d8", "c3"], others: [1], reason: /several calls/ },
  { what: "a copied mark", code: ["4801d8", "MARK", "callee:4801d8", "90", "c3"], reason: /more such instructions/ },
  { what: "two calls of a line", code: ["4801d8", "MARK", "callee:4801d8", "90", "c3"], others: [3] },
  { what: "before deferreturn", code: ["4801d8", "MARK", CALL_DEFER_RETURN, "c3"], reason: /not run by it/ },
  { what: "the last instruction", code: ["0f0b", "MARK"], reason: /not run by it/ },
  // 49 3b 66 10 cmp rsp,[r14+16]; 76 0a jbe +12; e8 call; 90; e8 call morestack; eb jmp 0
  {
    what: "behind a call that does not return",
    code: ["493b6610", "7606", "e800000000", "MARK", "e800000000", "ebed"],
    reason: /not run by it/,
  },
  { what: "an empty loop", code: ["4801d8", "MARK", "ebfd"], reason: /not run by it/ },
  {
    what: "arithmetic that Go 1.26 may run ahead",
    code: ["4801d8", "MARK", "callee:4801d8", "c3"],
    goMinor: 26,
    reason: /without the call/,
  },
  { what: "a store that nothing runs ahead", code: ["4801d8", "MARK", "callee:488903", "c3"], goMinor: 26 },
  {
    what: "a store of the caller",
    code: ["4801d8", "MARK", "488903", "c3"],
    goMinor: 26,
    reason: /nil pointer|without the call/,
  },
  { what: "a spill", code: ["4801d8", "MARK", "callee:4889442408", "c3"], goMinor: 26, reason: /without the call/ },
  {
    what: "a store behind a branch",
    code: ["4801d8", "MARK", "7400", "callee:488903", "c3"],
    goMinor: 26,
    reason: /without the call/,
  },
  { what: "a load before it", code: ["488b03", "MARK", "callee:4801d8", "c3"], reason: /nil pointer/ },
  { what: "a load before a store before it", code: ["488b03", "488901", "MARK", "callee:4801d8", "c3"] },
  { what: "a load of the callee behind it", code: ["4801d8", "MARK", "callee:488b03", "c3"] },
  { what: "a load of the caller behind it", code: ["4801d8", "MARK", "488b03", "c3"], reason: /nil pointer/ },
];

for (const { what, code, goMinor = 25, others = [], reason } of CASES) {
  test(`${what}: ${reason === undefined ? "a site" : "refused"}`, () => {
    const { bytes, addresses, callee, mark } = assemble(code);
    const marks = [mark, ...others.map((index) => addresses[index]!)];
    const map: InlineMap = {
      marks,
      recordAt: (address) => (callee.has(address) ? 0 : -1),
      addressIn: (record) => (record === 0 ? [...callee][0] : undefined),
      lineAt: () => 7,
      stackAt: () => 24,
    };
    const fn = {
      name: "main.f",
      entry: ENTRY,
      end: ENTRY + bytes.length,
      offset: 0x1000,
      file: "",
      line: 1,
      convention: "register",
    } as const;
    const site = new EnclosingFunction({ fn, code: bytes, map, goMinor, deferReturn: [DEFER_RETURN] }).siteOf({
      mark,
      record: 0,
    });
    if (reason !== undefined) {
      assert.match(site.ok ? "a site" : site.reason, reason);
      return;
    }
    assert.ok(site.ok, site.ok ? "" : site.reason);
    assert.deepEqual(
      [site.site.address, site.site.offset, site.site.cfaOffset, site.site.kind],
      [mark, mark - ENTRY + 0x1000, 32, "emulated"],
    );
  });
}

function assemble(code: readonly string[]) {
  const bytes: number[] = [];
  const addresses: number[] = [];
  const callee = new Set<number>();
  let mark = 0;
  for (const word of code) {
    const address = ENTRY + bytes.length;
    addresses.push(address);
    if (word.startsWith("callee:")) callee.add(address);
    if (/^mark/i.test(word)) mark = address;
    const distance = Buffer.alloc(4);
    distance.writeInt32LE(DEFER_RETURN - address - 5);
    const hex = word.replace(/^\w+:/, "").replace("MARK", "90").replace("DEFER", distance.toString("hex"));
    bytes.push(...Buffer.from(hex, "hex"));
  }
  return { bytes: Uint8Array.from(bytes), addresses, callee, mark };
}
