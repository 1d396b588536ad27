import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  CAPTURE_TYPE,
  CaptureTablesWriter,
  noCaptureTables,
  type Slot,
  TARGET,
  tablesFault,
} from "../../../src/protocol/captureTypes.ts";

const TEXT: Slot = {
  pointer: 0,
  via: { kind: "type", type: 0 },
  length: { kind: "word", at: 8 },
  maxElements: 256,
  maxBytes: 256,
  deepens: false,
};

describe("capture tables", () => {
  it("hold a type with its slots and masks", () => {
    const writer = new CaptureTablesWriter();
    const id = writer.reserve();
    writer.set(id, {
      size: 48,
      slots: [
        {
          pointer: 16,
          via: { kind: "itab", word: 8 },
          length: { kind: "shift", at: 9, add: -1 },
          when: { at: 8, mask: 4, set: true },
          maxElements: 64,
          maxBytes: 4096,
          deepens: true,
        },
      ],
      masks: [{ offset: 24, length: 16 }],
    });
    const { types, slots, masks } = writer.tables();
    assert.equal(
      Buffer.from(types.subarray(2 * CAPTURE_TYPE.size)).toString("hex"),
      ["30000000", "00000000", "0100", "0100", "00000000"].join(""),
    );
    assert.equal(
      Buffer.from(slots).toString("hex"),
      [
        "10000000",
        "00000000",
        "08000000",
        "09000000",
        "08000000",
        "40000000",
        "00100000",
        "ffff",
        "020204040100",
        "00000000",
      ].join(""),
    );
    assert.equal(Buffer.from(masks).toString("hex"), ["18000000", "10000000"].join(""));
  });

  it("hold targets by address", () => {
    const writer = new CaptureTablesWriter();
    writer.addRuntimeType({ address: 0x1_2345_6789, type: 7, deepens: true, func: false });
    writer.addClosure({ address: 0x400000, type: 8, deepens: false, func: true });
    const { runtimeTypes, closures } = writer.tables();
    assert.equal(Buffer.from(runtimeTypes).toString("hex"), ["8967452301000000", "07000000", "01000000"].join(""));
    assert.equal(Buffer.from(closures).toString("hex"), ["0000400000000000", "08000000", "02000000"].join(""));
  });

  const whole = noCaptureTables();
  const pointing = new CaptureTablesWriter();
  pointing.add({ size: 8, slots: [TEXT], masks: [] });
  const faults: [string, Parameters<typeof tablesFault>[0], RegExp | undefined][] = [
    ["none", whole, undefined],
    ["a cut entry", { ...whole, slots: new Uint8Array(41) }, /slots of 41 bytes is not made of entries of 40/],
    ["no types", { ...whole, types: new Uint8Array(0) }, /types is empty/],
    ["slots that are not there", { ...pointing.tables(), slots: new Uint8Array(0) }, /type 2 refers to slots/],
    ["too much", { ...whole, closures: new Uint8Array(TARGET.size * 200_001) }, /closures has .* over 3200000/],
  ];
  for (const [name, tables, fault] of faults)
    it(`are looked at: ${name}`, () => {
      const found = tablesFault(tables);
      if (fault === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", fault);
    });
});
