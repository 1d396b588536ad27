/** From a value's bytes in registers, on the stack and in memory, through a capture plan, to Go text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assignSignature } from "../../../src/goabi/assign.ts";
import type { CallingConvention } from "../../../src/goabi/location.ts";
import { runtimeFacts } from "../../../src/goabi/runtime/facts.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import type { PlacedVariable } from "../../../src/gobinary/api.ts";
import { type CaptureLimits, DEFAULT_LIMITS, type EventPlan } from "../../../src/probe/api.ts";
import { planCapture } from "../../../src/probe/capture/captureVariables.ts";
import { MAX_EVENT_BYTES, MAX_ROOT_PIECES, MAX_STACK_PIECE, rootLayout } from "../../../src/protocol/capture.ts";
import { CHUNK, type Chunk, type RawEvent, RECORD } from "../../../src/protocol/records.ts";
import { lateValues } from "../../../src/value/late.ts";
import { ProgramValues, renderVariables } from "../../../src/value/render.ts";
import { array, chan, func, iface, map, pointer, scalar, slice, struct, structOfItself, unknown } from "../types.ts";
import { bytesOf, chunkOf, EVENT } from "./capturedValue.ts";

const PROGRAM = new ProgramValues({
  facts: runtimeFacts(27, "go1.27.4"),
  limits: DEFAULT_LIMITS,
  isSecret: secretNames([]),
});

const int = scalar("int");
const string = scalar("string");
const byte = scalar("uint8");
const duration = { ...scalar("int64", "time.Duration"), linkName: "time.Duration" };
const time = struct("time.Time", [
  ["wall", scalar("uint64")],
  ["ext", scalar("int64")],
  ["loc", pointer(struct("time.Location", []))],
]);
const P = struct("main.P", [
  ["A", scalar("int8")],
  ["B", string],
]);

/** Memory of the pretended target. */
const MEMORY: [address: number, text: string | number[]][] = [
  [0x1000, "hello"],
  [0x2000, "世界".repeat(100)],
  [0x3000, [0xff, 0x00, 0x41]],
  [0x4000, 'a"\n\t\u0001'],
  [0x5000, "x".repeat(300)],
  [0x6000, Array.from({ length: 300 }, () => 0xff)],
];
/** Not resident. */
const SWAPPED_OUT = 0x9000;

/** Bytes of a value: words (8 bytes each) as numbers or bigints, or bytes as an array. */
type Value = (number | bigint)[] | Uint8Array;

const CASES: [GoType, Value, string][] = [
  [scalar("bool"), [1], "true"],
  [scalar("bool"), [0], "false"],
  [scalar("bool"), [0xab00], "false"],
  [scalar("bool"), [2], "<unavailable: its byte 2 is no bool>"],
  [int, [-1n], "-1"],
  [scalar("int8"), [0x80], "-128"],
  [scalar("int8"), [0xffffff7fn], "127"],
  [scalar("int16"), [0x8000], "-32768"],
  [scalar("int32", "main.Rune"), [0x4e16], "19990"],
  [scalar("int64"), [0x8000000000000000n], "-9223372036854775808"],
  [scalar("uint"), [-1n], "18446744073709551615"],
  [byte, [0x1ff], "255"],
  [scalar("uint16"), [0x1ffff], "65535"],
  [scalar("uint32"), [0x1ffffffffn], "4294967295"],
  [scalar("uintptr"), [31], "0x1f"],
  [scalar("uintptr", "main.Handle"), [0], "0x0"],
  [string, [0x1000, 5], '"hello"'],
  [scalar("string", "main.Name"), [0x1000, 4], '"hell"'],
  [string, [0, 0], '""'],
  [string, [0x77, 0], '""'],
  [string, [0x4000, 5], '"a\\"\\n\\t\\x01"'],
  [string, [0x3000, 3], '"\\xff\\x00A"'],
  [string, [0x5000, 300], `"${"x".repeat(256)}"…+44`],
  [string, [0x5000, 1n << 40n], `"${"x".repeat(256)}"…+1099511627520`],
  [string, [0x2000, 600], `"${"世界".repeat(42)}世"…+345`],
  [string, [SWAPPED_OUT, 5], "<unavailable: memory not resident>"],
  [string, [0, 5], "<unavailable: it has length 5 but no storage>"],
  [string, [0x1000, -1n], "<unavailable: its length word -1 is no length>"],
  [string, [0x1000, 1n << 60n], "<unavailable: its length word 1152921504606846976 is no length>"],
  [pointer(P), [0xc000010000n], "(*main.P)(0xc000010000)"],
  [pointer(P), [0], "(*main.P)(nil)"],
  [scalar("unsafe.Pointer"), [31], "unsafe.Pointer(0x1f)"],
  [scalar("unsafe.Pointer"), [0], "unsafe.Pointer(nil)"],
  [slice(byte), [0x1000, 5, 8], '[]byte("hello")'],
  [slice(byte, "main.Raw"), [0x1000, 5, 8], 'main.Raw("hello")'],
  [slice(byte), [0x3000, 3, 3], "[]byte{255, 0, 65}"],
  [slice(byte), [0x5000, 300, 300], `[]byte("${"x".repeat(256)}"…+44)`],
  [slice(byte), [0x6000, 300, 300], `[]byte{${Array.from({ length: 256 }, () => "255").join(", ")}, …+44}`],
  [slice(byte), [0x1000, 0, 8], '[]byte("")'],
  [slice(byte), [0, 0, 0], "[]byte(nil)"],
  [slice(byte, "main.Raw"), [0, 0, 0], "main.Raw(nil)"],
  [slice(byte), [0x1000, 9, 8], "<unavailable: its length 9 is over its capacity 8>"],
  [slice(scalar("uint8", "main.Flag")), [0x1000, 2, 2], "<unavailable: was not captured>"],
  [slice(int), [0, 0, 0], "[]int(nil)"],
  [slice(int), [0x1000, 0, 4], "[]int{}"],
  [slice(int, "main.Ints"), [0x1000, 0, 0], "main.Ints{}"],
  [slice(int), [0, 1, 1], "<unavailable: it has length 1 but no storage>"],
  [slice(int), [0x1000, 2, 4], "<unavailable: was not captured>"],
  [map(string, int), [0], "map[string]int(nil)"],
  [map(string, int), [0x1000], "<unavailable: was not captured>"],
  [chan(int), [0], "chan int(nil)"],
  [chan(int, "receive"), [0], "<-chan int(nil)"],
  [chan(int), [0x1000], "<unavailable: was not captured>"],
  [func(), [0], "func(nil)"],
  [func(), [0x1000], "<unavailable: was not captured>"],
  [iface("error"), [0, 0], "nil"],
  [iface("interface {}", true), [0, 0], "nil"],
  [iface("error"), [0x1000, 0x2000], "<unavailable: was not captured>"],
  [struct("main.E", []), [], "main.E{}"],
  [
    struct(
      "struct { A int; B string }",
      [
        ["A", int],
        ["B", string],
      ],
      false,
    ),
    [1, 0x1000, 5],
    'struct { A int; B string }{A:1, B:"hello"}',
  ],
  [P, [0xff, 0x1000, 5], 'main.P{A:-1, B:"hello"}'],
  [P, [0xff, SWAPPED_OUT, 5], "main.P{A:-1, B:<unavailable: memory not resident>}"],
  [
    struct("main.B", [
      ["_", int],
      ["P", P],
    ]),
    [7, 1, 0x1000, 1],
    'main.B{_:7, P:main.P{A:1, B:"h"}}',
  ],
  // int8, int16, bool: the padding after A must not shift B (docs/go-facts.md, 8).
  [
    struct("main.Small", [
      ["A", scalar("int8")],
      ["B", scalar("int16")],
      ["C", scalar("bool")],
    ]),
    Uint8Array.of(127, 0xcc, 0xff, 0x7f, 1, 0xcc),
    "main.Small{A:127, B:32767, C:true}",
  ],
  [array(int, 3), [1, 2, 3], "[3]int{1, 2, 3}"],
  [array(int, 0), [], "[0]int{}"],
  [
    array(int, 100),
    Array.from({ length: 100 }, (_, i) => i),
    `[100]int{${Array.from({ length: 64 }, (_, i) => i).join(", ")}, …+36}`,
  ],
  [
    array(struct("struct {}", [], false), 1_000_000),
    [],
    `[1000000]struct {}{${Array.from({ length: 64 }, () => "struct {}{}").join(", ")}, …+999936}`,
  ],
  [array(byte, 5), Uint8Array.from(Buffer.from("hello")), '[5]byte("hello")'],
  [array(byte, 2, "main.Pair"), Uint8Array.of(0, 255), "main.Pair{0, 255}"],
  [array(byte, 0), [], '[0]byte("")'],
  [array(byte, 300), new Uint8Array(300).fill(0x79), `[300]byte("${"y".repeat(256)}"…+44)`],
  [array(string, 2), [0x1000, 1, 0x1000, 2], '[2]string{"h", "he"}'],
  [array(P, 1), [1, 0x1000, 5], '[1]main.P{main.P{A:1, B:"hello"}}'],
  [duration, [1_500_000_000], "1.5s"],
  [{ ...duration, linkName: "example.com/x/time.Duration" }, [1_500_000_000], "1500000000"],
  [time, [500_000_000, 63_930_938_400n, 0], "time.Time(2026-11-22T10:00:00.5Z)"],
  [time, [0x3fffffff, 0, 0], "<unavailable: its words are no time>"],
  [unknown("main.Lost", "its type is not in the binary"), [], "<unavailable: its type is not in the binary>"],
];

/** Floats: on the stack they show, in registers they cannot be read. */
const FLOAT_CASES: [GoType, Value, stack: string, registers: string][] = [
  [scalar("float64"), [0x4005bf0a8b14576an], "2.7182818284590455", "<unavailable: in FP register>"],
  [scalar("float32"), [0x3f000000], "0.5", "<unavailable: in FP register>"],
  [scalar("complex64"), [0x400000003f800000n], "(1+2i)", "<unavailable: in FP register>"],
  [scalar("complex128"), [0x3ff0000000000000n, 0xc000000000000000n], "(1-2i)", "<unavailable: in FP register>"],
  [
    struct("main.V", [
      ["X", scalar("float64")],
      ["N", int],
    ]),
    [0x4035800000000000n, 3],
    "main.V{X:21.5, N:3}",
    "main.V{X:<unavailable: in FP register>, N:3}",
  ],
];

for (const convention of ["stack", "register"] as const) {
  test(`values, ${convention} convention`, async (t) => {
    const cases = [
      ...CASES,
      ...FLOAT_CASES.map(([type, value, stack, registers]): [GoType, Value, string] => [
        type,
        value,
        convention === "stack" ? stack : registers,
      ]),
    ];
    for (const [type, value, expected] of cases) {
      await t.test(`${type.name}: ${expected.slice(0, 60)}`, () => {
        assert.deepEqual(show([["v", type, value]], convention), [{ name: "v", type: type.name, text: expected }]);
      });
    }
  });
}

test("several values share registers, stack ranges and the event", () => {
  const shown = show(
    [
      ["a", int, [1]],
      ["s", string, [0x1000, 5]],
      ["big", array(int, 40), Array.from({ length: 40 }, (_, i) => i)],
      ["b", slice(byte), [0x1000, 2, 8]],
      ["p", P, [9, 0x4000, 1]],
      ["n", string, [0, 0]],
    ],
    "register",
  );
  assert.deepEqual(
    shown.map(({ text }) => text),
    [
      "1",
      '"hello"',
      `[40]int{${Array.from({ length: 40 }, (_, i) => i).join(", ")}}`,
      '[]byte("he")',
      'main.P{A:9, B:"a"}',
      '""',
    ],
  );
});

test("what does not fit one plan is left out with the reason, and the rest stays", () => {
  const row = array(int, 60);
  const huge = array(row, 40);
  const shown = show(
    [
      ["a", int, [1]],
      ["huge", huge, Array.from({ length: 2400 }, () => 7)],
      ["b", array(int, 2), [1, 2]],
    ],
    "register",
  );
  const [a, rows, b] = shown.map(({ text }) => text);
  const over = "<unavailable: over the limit of 16384 bytes per event>";
  assert.deepEqual([a, b], ["1", over]);
  const words = rows!.split(/\b7\b/).length - 1;
  assert.ok(8 * words > MAX_EVENT_BYTES - RECORD.size - 64 && 8 * words < MAX_EVENT_BYTES - RECORD.size, rows);
  assert.equal(rows!.split(over).length - 1, 2400 - words);

  const variables: [string, GoType, Value][] = [["s", string, [0x1000, 5]]];
  const plan = planFor(variables, "register", DEFAULT_LIMITS);
  const event = { ...hit(plan, variables, "register"), chunks: [] };
  for (const [full, text] of [
    ["bytes", "<unavailable: over the limit of 16384 bytes per event>"],
    ["chunks", "<unavailable: only 512 pieces of memory of one call are copied>"],
    ["steps", "<unavailable: the values of one call have too many pointers>"],
  ] as const)
    assert.equal(renderVariables(plan, { ...event, full }, PROGRAM, 0)[0]!.text, text);
});

test("plans keep their bounds", () => {
  const string16 = Array.from({ length: 16 }, (_, i): [string, GoType, Value] => [`s${i}`, string, [0x1000, 5]]);
  for (const limits of [
    DEFAULT_LIMITS,
    { ...DEFAULT_LIMITS, stringBytes: 1 << 20, eventBytes: 1 << 20 },
    { ...DEFAULT_LIMITS, stringBytes: 4096, eventBytes: 700 },
  ]) {
    for (const variables of [
      string16,
      [["huge", array(int, 1500), []]] as [string, GoType, Value][],
      [...string16, ["big", array(int, 900), []]] as [string, GoType, Value][],
    ]) {
      const { capture } = planFor(variables, "register", limits);
      const { size } = rootLayout(capture);
      const slots = capture.slots.reduce((sum, slot) => sum + CHUNK.size + Math.ceil(slot.maxBytes / 8) * 8, 0);
      assert.ok(RECORD.size + size + slots <= Math.min(limits.eventBytes, MAX_EVENT_BYTES), `${size} + ${slots}`);
      assert.ok(capture.pieces.length <= MAX_ROOT_PIECES);
      for (const piece of capture.pieces)
        if (piece.kind === "stack") assert.ok(piece.size <= MAX_STACK_PIECE && piece.offset % 8 === 0);
      for (const slot of capture.slots)
        assert.ok(
          slot.pointer % 8 === 0 && slot.maxBytes > 0 && slot.pointer + 8 <= size && lengthAt(slot) + 8 <= size,
        );
    }
  }
  const { capture } = planFor(
    [
      ["a", int, []],
      ["s", string, []],
      ["x", array(int, 2), []],
      ["y", array(scalar("int8"), 3), []],
      ["z", array(int, 2), []],
    ],
    "register",
    DEFAULT_LIMITS,
  );
  assert.deepEqual(capture, {
    pieces: [
      { kind: "register", register: "RAX" },
      { kind: "register", register: "RBX" },
      { kind: "register", register: "RCX" },
      { kind: "stack", offset: 0, size: 40 },
    ],
    slots: [
      {
        pointer: 8,
        via: { kind: "target", target: { of: "bytes" } },
        length: { kind: "word", at: 16 },
        // Three behind what is shown: they tell whether a rune would be cut.
        maxElements: 259,
        maxBytes: 259,
        deepens: false,
      },
    ],
    masks: [],
  });
});

test("a piece that could not be read spoils its part only", () => {
  const variables: [string, GoType, Value][] = [
    ["s", string, [0x1000, 5]],
    ["x", array(int, 2), [1, 2]],
  ];
  const plan = planFor(variables, "register", DEFAULT_LIMITS);
  const event = { ...hit(plan, variables, "register"), failedPieces: 1 << 2 };
  assert.deepEqual(
    renderVariables(plan, event, PROGRAM, 0).map(({ text }) => text),
    ['"hello"', "[2]int{<unavailable: memory not resident>, <unavailable: memory not resident>}"],
  );
});

test("what is decoded late is the same, whatever became of the batch", () => {
  const variables: [string, GoType, Value][] = [
    ["s", string, [0x1000, 5]],
    ["n", int, [7]],
    ["gone", string, [SWAPPED_OUT, 5]],
  ];
  const plan = planFor(variables, "register", DEFAULT_LIMITS);
  const event = hit(plan, variables, "register");
  const atOnce = renderVariables(plan, event, PROGRAM, 0, true);
  const late = lateValues(plan, event, PROGRAM, 0);
  for (const { bytes } of [{ bytes: event.root }, ...event.chunks]) bytes.fill(0xff);
  assert.notDeepEqual(renderVariables(plan, event, PROGRAM, 0, true), atOnce, "the batch is used again");
  assert.deepEqual(
    late.map(({ name, type, text, value }) => ({ name, type, text, value })),
    atOnce,
  );
});

test("events that contradict their plan never show a value", () => {
  const variables: [string, GoType, Value][] = [
    ["s", string, [0x1000, 5]],
    ["n", int, [1]],
  ];
  const plan = planFor(variables, "register", DEFAULT_LIMITS);
  const event = hit(plan, variables, "register");
  const texts = (changed: Partial<RawEvent>) =>
    renderVariables(plan, { ...event, ...changed }, PROGRAM, 0).map(({ text }) => text);
  assert.deepEqual(texts({ root: event.root.subarray(0, 16) }), ['"hello"', "<unavailable: the event is too short>"]);
  assert.deepEqual(texts({ chunks: [] }), ["<unavailable: was not captured>", "1"]);
  assert.deepEqual(texts({ chunks: event.chunks.map((chunk) => ({ ...chunk, address: 0x7777n })) }), [
    "<unavailable: was not captured>",
    "1",
  ]);
  assert.deepEqual(texts({ chunks: event.chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes.subarray(0, 2) })) }), [
    '"he"…+3',
    "1",
  ]);
});

test("secrets are not copied and read <redacted>, wherever they stand", () => {
  const account = struct("main.Account", [
    ["ID", int],
    ["authToken", string],
    ["flag", scalar("uint8")],
    ["pin", array(byte, 3)],
    ["SecretKey", array(byte, 3)],
    ["maxTokens", int],
  ]);
  const values: Value = [7, 0x1000, 5, 0x0303030202020901n, 44];
  for (const convention of ["stack", "register"] as const) {
    const variables: [string, GoType, Value][] = [
      ["password", string, [0x1000, 5]],
      ["a", account, values],
    ];
    const plan = planFor(variables, convention, DEFAULT_LIMITS);
    const event = hit(plan, variables, convention);
    assert.deepEqual(
      renderVariables(plan, event, PROGRAM, 0).map(({ text }) => text),
      [
        "<redacted>",
        "main.Account{ID:7, authToken:<redacted>, flag:1, pin:[3]byte{9, 2, 2}, SecretKey:<redacted>, maxTokens:44}",
      ],
    );
    assert.equal(event.chunks.length, 0);
    assert.doesNotMatch(Buffer.from(event.root).toString("hex"), /0010000000000000/);
  }
});

test("a type that contains itself ends", () => {
  const selfish = structOfItself("main.Selfish");
  const [shown] = show([["v", selfish, [1]]], "stack");
  assert.match(shown!.text, /^(main\.Selfish\{Me:)+<unavailable: the value has too many parts to show>\}+$/);
});

function show(variables: [string, GoType, Value][], convention: CallingConvention): ReturnType<typeof renderVariables> {
  const plan = planFor(variables, convention, DEFAULT_LIMITS);
  return renderVariables(plan, hit(plan, variables, convention), PROGRAM, 0);
}

function planFor(
  variables: [string, GoType, Value][],
  convention: CallingConvention,
  limits: CaptureLimits,
): EventPlan {
  return planCapture(placedOf(variables, convention), limits, secretNames([]));
}

function placedOf(variables: [string, GoType, Value][], convention: CallingConvention): PlacedVariable[] {
  const { params } = assignSignature(
    "amd64",
    convention,
    variables.map(([, type]) => type),
    [],
  );
  return variables.map(([name, type], index) => ({ name, type, blank: false, location: params[index]! }));
}

/** What the kernel program makes of a plan, by the words of src/protocol/capture.ts. */
function hit(plan: EventPlan, variables: [string, GoType, Value][], convention: CallingConvention): RawEvent {
  const registers = new Map<string, bigint>();
  const stack = new Uint8Array(65536).fill(0xdd);
  for (const [index, { location }] of placedOf(variables, convention).entries()) {
    const value = variables[index]![2];
    const bytes = value instanceof Uint8Array ? value : bytesOf(...value);
    for (const { offset, size, place } of location) {
      const part = bytes.subarray(offset, offset + size);
      if (place.at === "cfa") stack.set(part, place.offset);
      // A register's bytes above the value are whatever was there.
      else if (place.at === "register")
        registers.set(
          place.register,
          new DataView(Uint8Array.from([...part, ...new Uint8Array(8).fill(0xee)]).buffer).getBigUint64(0, true),
        );
    }
  }
  const { offsets, size } = rootLayout(plan.capture);
  const root = new Uint8Array(size);
  const view = new DataView(root.buffer);
  for (const [index, piece] of plan.capture.pieces.entries()) {
    if (piece.kind === "stack") root.set(stack.subarray(piece.offset, piece.offset + piece.size), offsets[index]);
    else if (piece.kind !== "dictionary") view.setBigUint64(offsets[index]!, registers.get(piece.register)!, true);
  }
  const chunks = plan.capture.slots.flatMap((slot): Chunk[] => {
    const address = view.getBigUint64(slot.pointer, true);
    if (slot.via.kind !== "target" || slot.via.target.of !== "bytes") return [];
    const length = view.getBigUint64(lengthAt(slot), true);
    const wanted = Number(length);
    if (length === 0n) return [];
    const memory = MEMORY.find(([start]) => BigInt(start) === address)?.[1];
    if (memory === undefined) return [chunkOf({ address, status: "fault", wanted })];
    const count = Number(length < BigInt(slot.maxBytes) ? length : BigInt(slot.maxBytes));
    return [chunkOf({ address, wanted, bytes: Buffer.from(memory as string).subarray(0, count) })];
  });
  return { ...EVENT, root, chunks };
}

function lengthAt({ length }: EventPlan["capture"]["slots"][number]): number {
  assert.equal(length.kind, "word");
  return length.kind === "word" ? length.at : 0;
}
