/**
 * Captured variables that DWARF lists as `&n`: whether the closure object holds the variable or its address. The object's
 * type tells, and the code where the object has none.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DamagedError } from "../../../src/bytes/reader.ts";
import { refuse } from "../../../src/goabi/refusal.ts";
import { namesOnly } from "../../../src/gobinary/funcValues.ts";
import { buildGo } from "../../programs/build.ts";
import { openFile } from "./binaryFile.ts";

/** Outside the file, as closures that captured something are. */
const OBJECT = 0xc0_0000_0000;

/** Of the functions in test/programs/values/funcs.go: each variable's place in the object, `&` where it is an address. */
const CAPTURED: Record<string, string> = {
  "main.capturesByReference.func1": "&n@8",
  "main.capturesStruct.func1": "p@8 e@24 any@40",
  "main.capturesWide.func1": "n@8 w@16 a@64",
  "main.capturesKeys.func1": "points@8 p@16 floats@32 f@40",
  "main.capturesWideByReference.func1": "&w@8 &a@16",
  "main.capturesOnStack.func1": "&count@8 &b@16 w@24 a@72 points@120 p@128",
  // Too big to be held by value.
  "main.capturesBig.func1": "&a@8 m@16",
};

/** `?`: a variable that DWARF does not list; `…`: there may be more. Optimised, and with `-N`. */
const ON_STACK: Record<string, readonly [optimised: string, all: string]> = {
  "main.capturesOnStack.func1": [CAPTURED["main.capturesOnStack.func1"]!, CAPTURED["main.capturesOnStack.func1"]!],
  "main.capturesUnread.func1": ["s@8 ?@24", "s@8 n@24 p@32"],
  // Without pointers, the collector's list of stack objects does not tell its size.
  "main.capturesUnreadNumber.func1": ["n@8 …", "n@8 k@16"],
};

for (const [toolchain, ...flags] of [
  ["go1.23.12"],
  ["go1.25.8"],
  ["installed"],
  ["installed", "-gcflags=-N -l"],
  ["installed", "-race", "CGO_ENABLED=1"],
  ["go1.27.4"],
  ["go1.27.4", "-buildmode=pie"],
] as const) {
  test(`captured variables stand where they are, ${[toolchain, ...flags].join(" ")}`, async () => {
    const binary = await openFile(buildGo("values", toolchain, ...flags));
    const closures = await binary.closures();
    const resolver = await binary.valueResolver();
    for (const [name, expected] of Object.entries(CAPTURED)) {
      const [fn] = await binary.functionsNamed(name);
      assert.ok(fn, name);
      const info = resolver.funcAt(fn.entry, OBJECT);
      assert.ok("captured" in info, name);
      const shown = info.captured.map(({ name: n, offset, byReference }) => `${byReference ? "&" : ""}${n}@${offset}`);
      assert.equal(shown.join(" "), expected, name);
      // The planner copies what the decoder expects.
      const planned = closures.find(({ address }) => address === fn.entry);
      assert.deepEqual(planned?.captured, info.captured, name);
    }
  });

  test(`variables that are left out are said to be, ${[toolchain, ...flags].join(" ")}`, async () => {
    const binary = await openFile(buildGo("values", toolchain, ...flags));
    const resolver = await binary.valueResolver();
    for (const [name, [optimised, all]] of Object.entries(ON_STACK)) {
      const [fn] = await binary.functionsNamed(name);
      assert.ok(fn, name);
      const info = resolver.funcAt(fn.entry, OBJECT);
      assert.ok("captured" in info, name);
      const shown = info.captured.map((part) => `${part.byReference ? "&" : ""}${part.name || "?"}@${part.offset}`);
      if (info.missing !== undefined) shown.push("…");
      assert.equal(shown.join(" "), flags.some((flag) => flag.includes("-N")) ? all : optimised, name);
    }
  });
}

test("where nobody looks for closures, code has its name, and what may have captured something says so", () => {
  const nameAtEntry = (address: number) => {
    if (address === 0x66) throw new DamagedError("the table of functions ends early");
    return address === 0x10 ? "main.f.func1" : undefined;
  };
  const { funcAt } = namesOnly({ nameAtEntry, isInFile: (address) => address < OBJECT });
  const missing = "what funcs in interfaces have captured is not looked for in so large a program";
  const unknown = refuse("its code is not in the program file");
  for (const [code, object, expected] of [
    [0x10, OBJECT, { name: "main.f.func1", captured: [], missing }],
    [0x10, 0x20, { name: "main.f.func1", captured: [] }],
    [0x11, OBJECT, unknown],
    [0x66, OBJECT, unknown],
  ] as const)
    assert.deepEqual(funcAt(code, object), expected);
});
