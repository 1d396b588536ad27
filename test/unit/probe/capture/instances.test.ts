/** Plans of generic functions: what all instances share, what each has of its own, and what is said of unknown ones. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runtimeFacts } from "../../../../src/goabi/runtime/facts.ts";
import { secretNames } from "../../../../src/goabi/secretNames.ts";
import type { GoType } from "../../../../src/goabi/type.ts";
import type { DictionaryData, PlacedVariable } from "../../../../src/gobinary/api.ts";
import { DEFAULT_LIMITS } from "../../../../src/probe/api.ts";
import { REDACTED } from "../../../../src/probe/capture/captureVariables.ts";
import { planEvents } from "../../../../src/probe/capture/instances.ts";
import { CaptureTypes } from "../../../../src/probe/capture/sessionTypes.ts";
import { TARGET } from "../../../../src/protocol/captureTypes.ts";

const WORD = { size: 8, align: 8, named: false } as const;
const INT: GoType = { kind: "int", name: "int", ...WORD };
const COUNT: GoType = { kind: "int", name: "main.Count", ...WORD, named: true };
const TO_INT: GoType = { kind: "ptr", name: "*int", elem: INT, ...WORD };
const NOTHING: GoType = { kind: "unknown", name: "?", size: -1, align: 8, named: false, reason: "nobody knows" };
/** `func f[T any, P any](a T, p P) T` of the shapes int and *uint8. */
const SHAPED_INT: GoType = { kind: "int", name: "int", linkName: "go.shape.int", ...WORD, inDictionary: { word: 1 } };
const SHAPED_POINTER: GoType = {
  kind: "ptr",
  name: "*uint8",
  linkName: "go.shape.*uint8",
  elem: NOTHING,
  ...WORD,
  inDictionary: { word: 2 },
};

const DICTIONARIES: Readonly<Record<number, readonly (GoType | undefined)[]>> = {
  0x1000: [undefined, INT, TO_INT],
  0x2000: [undefined, COUNT, TO_INT],
  /** Other functions'. */
  0x3000: [undefined, TO_INT, TO_INT],
  0x4000: [INT],
};
const DATA: DictionaryData = {
  candidates: Object.keys(DICTIONARIES).map(Number),
  typeAt: (address, place) => ("word" in place ? DICTIONARIES[address]?.[place.word] : undefined),
};

function inRegister(name: string, type: GoType, register: string, blank = false): PlacedVariable {
  return { name, type, blank, location: [{ offset: 0, size: 8, place: { at: "register", register } }] };
}

const DICT = inRegister(".dict", { kind: "uintptr", name: "uintptr", ...WORD }, "RAX", true);
const PARAMS = [inRegister("a", SHAPED_INT, "RBX"), inRegister("p", SHAPED_POINTER, "RCX")];
const RESULTS = [inRegister("~r0", SHAPED_INT, "RAX")];
const plan = (data: DictionaryData | undefined, dict = DICT, extraSecrets: readonly string[] = []) =>
  planEvents({
    params: [dict, ...PARAMS],
    shown: PARAMS,
    results: RESULTS,
    limits: DEFAULT_LIMITS,
    isSecret: secretNames(extraSecrets),
    context: [],
    dictionaries: data,
    refused: { call: () => undefined, return: () => undefined },
  });
const typesOf = (event: { variables: readonly { variable: PlacedVariable }[] } | undefined) =>
  event?.variables.map(({ variable }) => variable.type.name);
const UNKNOWN = "<unavailable: the type arguments of this call are not known>";

describe("a generic function's plan", () => {
  it("copies the dictionary's address at calls, and has a place for it at returns", () => {
    const { call, return: back, generic } = plan(DATA);
    assert.deepEqual(
      call.capture.pieces,
      ["RAX", "RBX", "RCX"].map((register) => ({ kind: "register", register })),
    );
    assert.deepEqual(back.capture.pieces, [{ kind: "register", register: "RAX" }, { kind: "dictionary" }]);
    assert.deepEqual(generic?.dictionary, { call: { root: 0, piece: 0 }, return: { root: 8, piece: 1 } });
    assert.equal(call.capture.dictionary?.at, 0);
    assert.equal(back.capture.dictionary?.at, 8);
  });

  it("has the types of each dictionary, and none of what is no dictionary of it", () => {
    const { generic } = plan(DATA);
    assert.deepEqual(typesOf(generic?.instance(0x1000)?.call), ["int", "*int"]);
    assert.deepEqual(typesOf(generic?.instance(0x2000)?.call), ["main.Count", "*int"]);
    assert.deepEqual(typesOf(generic?.instance(0x2000)?.return), ["main.Count"]);
    for (const address of [0x3000, 0x4000, 0x5000, 0]) assert.equal(generic?.instance(address), undefined);
  });

  it("copies no secret, nor one that a user added", () => {
    const { call, generic } = plan(DATA, DICT, ["p"]);
    for (const { capture, variables } of [call, generic!.instance(0x1000)!.call]) {
      assert.deepEqual(
        capture.pieces,
        ["RAX", "RBX"].map((register) => ({ kind: "register", register })),
      );
      assert.equal(variables[1]?.pieces[0]?.reason, REDACTED);
    }
  });

  it("says nothing of values whose types are not known", () => {
    const elsewhere: PlacedVariable = {
      ...DICT,
      location: [{ offset: 0, size: 8, place: { at: "unknown", reason: "it is not there" } }],
    };
    for (const { call, return: back } of [plan(DATA), plan(undefined), plan(DATA, elsewhere)]) {
      assert.deepEqual(typesOf(call), [UNKNOWN, UNKNOWN]);
      assert.deepEqual(typesOf(back), [UNKNOWN]);
    }
    assert.equal(plan(undefined).generic, undefined);
    assert.equal(plan(DATA, elsewhere).generic, undefined);
  });

  it("has a root type for each dictionary, one table for each event", () => {
    const { call, return: back } = plan(DATA);
    const types = new CaptureTypes(runtimeFacts(27, "go1.27"), { limits: DEFAULT_LIMITS, isSecret: secretNames([]) });
    assert.deepEqual(types.plan(call.capture).dictionary, { table: 1, at: 0 });
    assert.deepEqual(types.plan(back.capture).dictionary, { table: 2, at: 8 });
    assert.deepEqual(types.plan(back.capture).dictionary, { table: 2, at: 8 });
    const { runtimeTypes } = types.tables({ runtimeTypes: [], closures: [] });
    const view = new DataView(runtimeTypes.buffer, runtimeTypes.byteOffset, runtimeTypes.byteLength);
    const keys = Array.from({ length: runtimeTypes.length / TARGET.size }, (_, index) =>
      view.getBigUint64(index * TARGET.size + TARGET.address, true),
    );
    const key = (table: bigint, address: bigint) => (table << 48n) | address;
    assert.deepEqual(keys, [key(1n, 0x1000n), key(1n, 0x2000n), key(2n, 0x1000n), key(2n, 0x2000n)]);
  });
});
