/** One call in the lens, beside the code, in the table and in the log: whole outputs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RenderedValue } from "../../../src/engine/api.ts";
import type { CallRecord } from "../../../src/lsp/traces/callHistory.ts";
import { formatCall } from "../../../src/lsp/traces/eventLog.ts";
import { callTable } from "../../../src/lsp/views/callTable.ts";
import { shownCall } from "../../../src/lsp/views/shownCall.ts";
import { callValues, packageOf, saysNothing, withoutPath } from "../../../src/lsp/views/values.ts";
import type { Value } from "../../../src/value/api.ts";
import { textOf } from "../../../src/value/text.ts";

const int = (n: number): Value => ({ type: "int", kind: "int", text: String(n) });
const string = (text: string): Value => ({ type: "string", kind: "string", text: JSON.stringify(text) });
const missing: Value = { type: "float64", kind: "float64", unavailable: "in FP register" };
const nilError: Value = { type: "error", kind: "interface", nil: true };
const struct = (type: string, fields: Record<string, Value>): Value => ({
  type,
  kind: "struct",
  fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
});
const pointer = (elem: Value): Value => ({ type: `*${elem.type}`, kind: "ptr", address: "0xc000010000", elem });
const holding = (elem: Value): Value => ({ type: "any", kind: "interface", elem });

const store = pointer(struct("main.Store", { name: string("the store of the north"), orders: int(3) }));
const context = holding(
  pointer(
    struct("context.valueCtx", {
      Context: holding(struct("context.backgroundCtx", {})),
      key: holding(string("request")),
      val: holding(string("r-21")),
    }),
  ),
);
const order = pointer(
  struct("main.Order", { ID: int(7), Customer: string("Ada Lovelace"), Note: string("call ".repeat(30)) }),
);
const error = holding(pointer(struct("errors.errorString", { s: string("no such order") })));

void test("receiver and context leave their room to the others, in lens and signature", () => {
  const { line, args, results } = shownCall(put(order, nilError));
  assert.equal(
    line,
    'o=&Order{ID:7, Customer:"Ada L"…+7, Note:"cal"…+147}, discount=<unavailable> → (<unavailable>, nil)',
  );
  assert.deepEqual(
    args.map(({ name, short }) => `${name} ${short}`),
    ["s ", "ctx ", 'o &Order{ID:7, Customer:"Ada L"…+7, Note:"…"}', "discount <unavailable>"],
  );
  assert.equal(results?.short, "(<unavailable>, nil)");
  assert.equal(results?.text, "(total=<unavailable: in FP register>, err=nil)");
});

void test("where there is room for all, all is shown", () => {
  const { line, args } = shownCall(put({ type: "*main.Order", kind: "ptr", nil: true }, error, [int(1), int(2)]));
  assert.equal(
    line,
    's=1, ctx=2, o=nil, discount=<unavailable> → (<unavailable>, &errors.errorString{s:"no such order"})',
  );
  assert.deepEqual(
    args.map(({ short }) => short),
    ["1", "2", "nil", "<unavailable>"],
  );
});

void test("the hover: one call whole, then the last calls short", () => {
  const text = callTable([put(order, nilError), put(order, error)]).replaceAll(/\d\d:\d\d:\d\d/g, "TIME");
  assert.equal(
    text,
    `\`\`\`go
s = &main.Store{name:"the store of the north", orders:3}
ctx = context{"request":"r-21"}
o = &main.Order{
  ID: 7,
  Customer: "Ada Lovelace",
  Note: "call call call call call call call call call call call call call "…+85,
}
discount = <unavailable: in FP register>
→ total = <unavailable: in FP register>
→ err = nil
\`\`\`

| time&nbsp;&nbsp; | o&nbsp;&nbsp; | err&nbsp;&nbsp; | duration&nbsp;&nbsp; | goroutine&nbsp;&nbsp; | caller&nbsp;&nbsp; |
|:---|:---|:---|:---|:---|:---|
| TIME.123456 | \`&Order{ID:7, Customer:"A"…+11, …}\` | \`nil\` | 5.12 µs | 18 | \`main.main:9\` |
| TIME.123456 | \`&Order{ID:7, Customer:"A"…+11, …}\` | \`&errors.errorString{s:"no su"…+8}\` | 5.12 µs | 18 | \`main.main:9\` |`,
  );
  assert.equal(callTable([]), "");
});

void test("a line of the log is bounded", () => {
  const long = pointer(struct("main.Order", { Note: string("x".repeat(2_000)) }));
  const line = formatCall(put(long, nilError));
  assert.ok(line.length < 500, `${line.length} columns`);
  assert.match(line, /o=&Order\{Note:"x+"…\+\d+\}, discount=<unavailable>\) = \(total=<unavailable>, err=nil\)/);
});

void test("what is a receiver, and which package a function is of", () => {
  const functions: [func: string, ownPackage: string, receiver: boolean][] = [
    ["main.(*Store).Put", "main", true],
    ["example.com/shop/store.(*Store).Put", "store", true],
    ["example.com/shop/store.Store.Put", "store", true],
    ["store.(*List[go.shape.int]).Push", "store", true],
    ["store.Put", "store", false],
    ["store.Put.func1", "store", false],
    ["store.Put[...]", "store", false],
    ["gopkg.in/yaml%2ev3.Unmarshal", "", false],
  ];
  for (const [func, ownPackage, receiver] of functions) {
    assert.equal(packageOf(func), ownPackage, func);
    assert.equal(withoutPath(func), func.slice(func.lastIndexOf("/") + 1), func);
    const record = put(order, nilError);
    const [first] = callValues({ ...record, call: { ...record.call, func } });
    assert.equal(first?.aside, receiver, func);
  }
  const generic = "a.(*List[go.shape.*example.com/b.T]).Push";
  assert.equal(withoutPath(`example.com/${generic}`), generic);
});

void test("texts that say no more than that something is there", () => {
  for (const text of ["…", "&…", "{…}", "&{…}", "&Store{…}", "context{…}", "http.Header{…}"])
    assert.ok(saysNothing(text), text);
  for (const text of ["nil", "&Store{ID:7, …}", "[3]…", "map[3]…", '"…"', "<redacted>", "0"])
    assert.ok(!saysNothing(text), text);
});

function put(o: Value, err: Value, [s, ctx]: readonly Value[] = [store, context]): CallRecord {
  const rendered = (name: string, value: Value = missing): RenderedValue => ({
    name,
    type: value.type,
    text: textOf(value),
    value,
  });
  return {
    call: {
      event: "call",
      id: 1,
      ts: "2026-11-22T10:00:00.123456789Z",
      pid: 42,
      tid: 43,
      goid: 18,
      func: "main.(*Store).Put",
      file: "store.go",
      line: 24,
      caller: "main.main",
      callerLine: 9,
      args: [rendered("s", s), rendered("ctx", ctx), rendered("o", o), rendered("discount")],
    },
    results: [rendered("total"), rendered("err", err)],
    durationNs: 5120,
  };
}
