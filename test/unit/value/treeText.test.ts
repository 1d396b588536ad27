/** Values over several lines, as the hover shows the newest call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Value } from "../../../src/value/api.ts";
import { treeText } from "../../../src/value/treeText.ts";

const int = (n: number): Value => ({ type: "int", kind: "int", text: String(n) });
const item = (sku: string): Value => ({
  type: "main.Item",
  kind: "struct",
  fields: [
    { name: "SKU", value: { type: "string", kind: "string", text: `"${sku}"` } },
    { name: "Count", value: int(2) },
  ],
});
const order: Value = {
  type: "*main.Order",
  kind: "ptr",
  address: "0xc000010000",
  elem: {
    type: "main.Order",
    kind: "struct",
    fields: [
      { name: "ID", value: int(7) },
      {
        name: "Items",
        value: { type: "[]main.Item", kind: "slice", len: 67, elems: [item("A-1"), item("B-2")], cut: 65 },
      },
      {
        name: "Stock",
        value: {
          type: "map[string]main.Item",
          kind: "map",
          len: 1,
          entries: [{ key: { type: "string", kind: "string", text: '"north"' }, value: item("C-3") }],
        },
      },
      { name: "Note", value: { type: "string", kind: "string", text: `"${"long ".repeat(20)}"` } },
    ],
  },
};

void test("what fits stands on one line", () => {
  assert.equal(treeText("n = ", int(7), { columns: 40, lines: 10 }), "n = 7");
  assert.equal(treeText("i = ", item("A-1"), { columns: 40, lines: 10 }), 'i = main.Item{SKU:"A-1", Count:2}');
});

void test("what does not has a line for each part", () => {
  assert.equal(
    treeText("o = ", order, { columns: 44, lines: 40 }),
    `o = &main.Order{
  ID: 7,
  Items: []main.Item{
    main.Item{SKU:"A-1", Count:2},
    main.Item{SKU:"B-2", Count:2},
    …+65
  },
  Stock: map[string]main.Item{
    "north": main.Item{SKU:"C-3", Count:2},
  },
  Note: "long long long long long long"…+71,
}`,
  );
});

void test("more lines than there may be end in an ellipsis", () => {
  assert.equal(
    treeText("o = ", order, { columns: 44, lines: 3 }),
    `o = &main.Order{
  ID: 7,
  Items: []main.Item{
…`,
  );
});
