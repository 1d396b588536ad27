/** Values shortened to a line's worth. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Value } from "../../../src/value/api.ts";
import { shortText, shortTexts } from "../../../src/value/shortText.ts";

const int = (n: number | string): Value => ({ type: "int", kind: "int", text: String(n) });
const string = (quoted: string, cut?: number): Value => {
  const head = { type: "string", kind: "string", text: quoted } as const;
  return cut === undefined ? head : { ...head, cut };
};
const struct = (type: string, fields: Record<string, Value>): Value => ({
  type,
  kind: "struct",
  fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
});
const pointer = (elem: Value): Value => ({ type: `*${elem.type}`, kind: "ptr", address: "0xc000010000", elem });
const holding = (elem: Value): Value => ({ type: "interface {}", kind: "interface", elem });
const slice = (type: string, elems: Value[], cut?: number): Value => {
  const head = { type, kind: "slice", len: elems.length + (cut ?? 0), elems } as const;
  return cut === undefined ? head : { ...head, cut };
};
const map = (entries: [Value, Value][], cut?: number): Value => {
  const shown = entries.map(([key, value]) => ({ key, value }));
  const head = { type: "map[string]int", kind: "map", len: shown.length + (cut ?? 0), entries: shown } as const;
  return cut === undefined ? head : { ...head, cut };
};
const nil = (type: string, kind: Value["kind"]): Value => ({ type, kind, nil: true });
const missing = (reason: string): Value => ({ type: "int", kind: "int", unavailable: reason });

const item = struct("main.Item", { SKU: string('"A-1"'), Price: { type: "float64", kind: "float64", text: "9.5" } });
const order = pointer(
  struct("main.Order", {
    ID: int(7),
    Customer: string('"Ada Lovelace of London"'),
    Items: slice("[]main.Item", [item, item, item]),
    Tags: map([[string('"gift"'), int(1)]]),
    Note: nil("*string", "ptr"),
  }),
);
const error = holding(pointer(struct("errors.errorString", { s: string('"no such order"') })));

const context = (type: string, fields: Record<string, Value>): Value => holding(pointer(struct(type, fields)));
const background = holding(struct("context.backgroundCtx", { emptyCtx: struct("context.emptyCtx", {}) }));
const request = context("context.timerCtx", {
  cancelCtx: struct("context.cancelCtx", {
    Context: context("context.valueCtx", {
      Context: context("context.valueCtx", {
        Context: background,
        key: holding(string('"user"')),
        val: holding(int(42)),
      }),
      key: holding(struct("main.requestKey", {})),
      val: holding(string('"r-21"')),
    }),
    mu: struct("sync.Mutex", { state: int(0) }),
  }),
  deadline: { type: "time.Time", kind: "struct", text: "2026-11-22T10:00:00.5Z" },
});
const store = pointer(
  struct("main.Store", { mu: struct("sync.Mutex", { state: int(0) }), stock: map([[string('"a"'), int(1)]]) }),
);

const CASES: readonly [value: Value, columns: number, expected: string][] = [
  [int(1_000), 4, "1000"],
  [int(1_000), 3, "…"],
  [
    order,
    200,
    '&Order{ID:7, Customer:"Ada Lovelace of London", Items:{Item{SKU:"A-1", Price:9.5}, Item{SKU:"A-1", Price:9.5}, Item{SKU:"A-1", Price:9.5}}, Tags:map{"gift":1}, Note:nil}',
  ],
  [order, 100, '&Order{ID:7, Customer:"Ada Lovelace of London", Items:[3]…, Tags:map{"gift":1}, Note:nil}'],
  [order, 60, '&Order{ID:7, Customer:"Ad"…+20, Items:[3]…, Tags:map[1]…, …}'],
  [order, 24, "&Order{ID:7, …}"],
  [order, 12, "&Order{…}"],
  [order, 6, "&{…}"],
  [order, 2, "&…"],
  [order, 1, "…"],
  [error, 60, '&errors.errorString{s:"no such order"}'],
  [error, 34, '&errors.errorString{s:"no suc"…+7}'],
  [error, 25, "&errors.errorString{…}"],
  [string('"abcdef"'), 8, '"abcdef"'],
  [string('"abcdef"', 10), 10, '"abcd"…+12'],
  [string('"abcdef"'), 5, '"…"'],
  // Neither an escape nor a rune is split, and the bytes that are left out are counted as Go counts them.
  [string('"a\\x00\\u200bü😀zzzzzzzz"'), 12, '"a\\x00"…+17'],
  [string('"äöüßäöüß"'), 9, '"äöüß"…+8'],
  [slice("[]int", [int(1), int(2), int(3)]), 9, "{1, 2, 3}"],
  [slice("[]int", [int(1), int(2), int(3)]), 8, "{1, …+2}"],
  [slice("[]int", [int(1), int(2), int(3)], 61), 14, "{1, 2, …+62}"],
  [slice("[]int", [int(1), int(2), int(3)], 61), 6, "[64]…"],
  [slice("[]int", []), 2, "{}"],
  [{ type: "[]uint8", kind: "slice", len: 5, text: '"hello"' }, 7, '"hello"'],
  [{ type: "[]uint8", kind: "slice", len: 12, text: '"hello, world"' }, 9, '"hell"…+8'],
  [
    map([
      [string('"a"'), int(1)],
      [string('"b"'), int(2)],
    ]),
    16,
    'map{"a":1, …+1}',
  ],
  [
    map(
      [
        [string('"a"'), int(1)],
        [string('"b"'), int(2)],
      ],
      98,
    ),
    9,
    "map[100]…",
  ],
  [holding(int(3)), 8, "int(3)"],
  [holding(string('"abcdef"')), 14, 'string("a"…+5)'],
  [holding(nil("*main.Order", "ptr")), 20, "(*Order)(nil)"],
  [holding(map([[string('"a"'), int(1)]])), 40, 'map[string]int map{"a":1}'],
  [nil("interface {}", "interface"), 3, "nil"],
  [{ type: "*main.Order", kind: "ptr", address: "0xc000010000" }, 20, "0xc000010000"],
  [{ type: "chan int", kind: "chan", len: 2, cap: 4, elems: [int(7), int(8)] }, 20, "chan(2/4){7, 8}"],
  [{ type: "chan int", kind: "chan", len: 2, cap: 4, closed: true, elems: [int(7), int(8)] }, 20, "chan(2/4, closed)"],
  [
    { type: "func()", kind: "func", text: "func main.main.func1", fields: [{ name: "n", value: int(3) }] },
    30,
    "func main.func1{n:3}",
  ],
  [
    {
      type: "func()",
      kind: "func",
      text: "func main.main.func1",
      fields: [
        { name: "n", value: int(3) },
        { name: "", value: { type: "", kind: "struct", unavailable: "there may be captured variables" } },
      ],
    },
    30,
    "func main.func1{n:3, …}",
  ],
  [{ type: "func()", kind: "func", text: "func net/http.HandlerFunc.ServeHTTP" }, 20, "func …"],
  [{ type: "time.Time", kind: "struct", text: "2026-11-22T10:00:00.5Z" }, 30, "2026-11-22T10:00:00.5Z"],
  [missing("memory not resident"), 40, "<unavailable: memory not resident>"],
  [missing("memory not resident"), 20, "<unavailable>"],
  [{ type: "string", kind: "string", redacted: true }, 12, "<redacted>"],
  // Of a context its values; where the chain was not followed to its end, that is said.
  [request, 60, 'context{requestKey{}:"r-21", "user":42}'],
  [
    context("context.valueCtx", {
      Context: holding({ type: "*gin.Context", kind: "ptr", address: "0xc000010000" }),
      key: holding(int(1)),
      val: holding(int(2)),
    }),
    60,
    "context{1:2, …}",
  ],
  [background, 60, "context{}"],
  [request, 12, "context{…}"],
  [pointer(struct("gin.Context", { Context: request })), 24, "&gin.Context{…}"],
  // Locks are the first to go.
  [store, 60, '&Store{mu:sync.Mutex{state:0}, stock:map{"a":1}}'],
  [store, 34, '&Store{stock:map{"a":1}, …}'],
  [slice("[]*main.Order", [order, order]), 40, '{&Order{ID:7, Customer:"A"…+21, …}, …+1}'],
  [struct("main.Pair[main.K,other/main.K]", { A: int(1) }), 60, "Pair[K,other/main.K]{A:1}"],
];

void test("short texts", () => {
  assert.deepEqual(
    CASES.map(([value, columns]) => [columns, shortText(value, columns, "main")]),
    CASES.map(([, columns, expected]) => [columns, expected]),
  );
});

void test("a text is never longer than its columns", () => {
  for (const [value] of CASES) {
    for (let columns = 1; columns < 200; columns++) {
      const text = shortText(value, columns, "main");
      assert.ok(Array.from(text).length <= columns, `${text} in ${columns}`);
    }
  }
});

void test("a part that is cut off never reads as a shorter number", () => {
  const fields = struct("main.T", { A: int("123456789"), B: int("987654321"), C: string('"x"') });
  for (let columns = 1; columns < 60; columns++) {
    for (const number of shortText(fields, columns).match(/\d+/g) ?? [])
      assert.match(number, /^(123456789|987654321)$/, `${columns}`);
  }
});

void test("values on one line share it", () => {
  const long = { name: "o", value: order };
  const short = { name: "discount", value: int(10) };
  const texts = shortTexts([long, short, { name: "err", value: error }], 100, 3, "main");
  assert.deepEqual(texts, ['&Order{ID:7, Customer:"Ada Lov"…+15, …}', "10", '&errors.errorString{s:"no such order"}']);
});
