/** What the kernel program copies of nested values: real calls of test/programs/capture, read by address. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Features, probeFeatures } from "../../helper/features.ts";
import { loadLibbpf } from "../../helper/foreign/native.ts";
import { OpenCallTables } from "../../helper/openCalls.ts";
import { RingReader } from "../../helper/ring.ts";
import { Scratch } from "../../helper/scratch.ts";
import { Session } from "../../helper/session.ts";
import { type RuntimeFacts, runtimeFacts } from "../../src/goabi/runtime/facts.ts";
import { HMAP, TOPHASH } from "../../src/goabi/runtime/hmap.ts";
import { mapStorage } from "../../src/goabi/runtime/map.ts";
import { GROUP_CONTROL, GROUP_SLOTS, type SlotArray } from "../../src/goabi/runtime/slotGroup.ts";
import { CONTROL_EMPTY, SWISS_MAP, SWISS_TABLE } from "../../src/goabi/runtime/swissMap.ts";
import { secretNames } from "../../src/goabi/secretNames.ts";
import type { GoType } from "../../src/goabi/type.ts";
import type { GoBinary } from "../../src/gobinary/api.ts";
import { openBinary } from "../../src/gobinary/open.ts";
import { type CaptureLimits, DEFAULT_LIMITS, type EventPlan } from "../../src/probe/api.ts";
import { CaptureTypes } from "../../src/probe/capture/sessionTypes.ts";
import { planFunction } from "../../src/probe/plan.ts";
import type { CaptureTables } from "../../src/protocol/captureTypes.ts";
import type { ProbeCounters } from "../../src/protocol/counters.ts";
import type { AttachParams } from "../../src/protocol/helperApi.ts";
import { decodeRecords, type RawEvent } from "../../src/protocol/records.ts";
import { buildGo } from "../programs/build.ts";
import { startHelper } from "./helperProcess.ts";
import { inParts } from "./hits.ts";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));

const FUNCTIONS = [
  "person",
  "byValue",
  "slices",
  "maps",
  "interfaces",
  "channels",
  "funcs",
  "large",
  "secrets",
] as const;
type Name = (typeof FUNCTIONS)[number];

interface Recorded {
  readonly event: RawEvent;
  readonly plan: EventPlan;
  readonly types: readonly GoType[];
  readonly facts: RuntimeFacts;
  readonly binary: GoBinary;
}

async function record(
  toolchain: string,
  flags: readonly string[],
  limits: CaptureLimits,
  features?: Features,
  extraSecrets: readonly string[] = [],
): Promise<Map<Name, Recorded>> {
  const path = buildGo("capture", toolchain, ...flags);
  const file = readFileSync(path);
  const binary = await openBinary({
    name: path,
    size: file.length,
    read: async (offset, length) => new Uint8Array(file.subarray(offset, offset + length)),
  });
  const { goVersion } = binary.buildInfo;
  const facts = runtimeFacts(Number(/go1\.(\d+)/.exec(goVersion)?.[1]), goVersion);
  const isSecret = secretNames(extraSecrets);
  const types = new CaptureTypes(facts, { limits, isSecret });
  const plans: EventPlan[] = [];
  const probes = [];
  for (const [index, name] of FUNCTIONS.entries()) {
    const [fn] = await binary.functionsNamed(`main.${name}`);
    assert(fn !== undefined, name);
    const planned = planFunction({
      fn,
      arch: "amd64",
      signature: await binary.signature(fn),
      code: await binary.code(fn),
      limits,
      isSecret,
    });
    assert(planned.ok, name);
    plans.push(planned.plan.call);
    const { offset, address, expected, cfaOffset, skipIfBelowOrEqual } = planned.plan.entry;
    const site = { offset, address, expected, cfaOffset, skipIfBelowOrEqual };
    const plan = types.plan(planned.plan.call.capture);
    probes.push({ id: index, role: "entry" as const, ...site, plan, pairReturns: true });
  }
  const data = await binary.typeData();
  const tables = types.tables({ runtimeTypes: data?.runtimeTypes() ?? [], closures: await binary.closures() });
  const { goidOffset, stackHiOffset, tlsOffset } = binary.runtime;
  const params: AttachParams = {
    session: 1,
    target: { kind: "file", file: path },
    goroutine: { source: "register", tlsOffset, goidOffset, stackHiOffset },
    probes,
    functions: [...FUNCTIONS],
  };
  const run = (): void => void execFileSync(path);
  const { counters, events } = features
    ? await throughSession({ ...params, tables: inParts(tables) }, features, run)
    : await throughHelper(params, tables, run);
  for (const { hits, emitted } of counters) assert.deepEqual({ hits, emitted }, { hits: 1, emitted: 1 });
  // No return is watched, so the next call shows that the last one is gone.
  const calls = events.filter(({ kind }) => kind === "call");
  return new Map(
    calls.map((event) => {
      const plan = plans[event.probe]!;
      return [
        FUNCTIONS[event.probe]!,
        {
          event,
          plan,
          types: plan.variables.map(({ variable }) => variable.type),
          facts,
          binary,
        },
      ];
    }),
  );
}

interface Outcome {
  readonly counters: readonly ProbeCounters[];
  readonly events: readonly RawEvent[];
}

async function throughHelper(params: AttachParams, tables: CaptureTables, run: () => void): Promise<Outcome> {
  const helper = await startHelper();
  try {
    await helper.client.attach(params, tables);
    run();
    const { counters } = await helper.client.detach({ session: 1 });
    return { counters, events: helper.events };
  } finally {
    await helper.stop();
  }
}

/** As an older kernel would have it. */
async function throughSession(params: AttachParams, features: Features, run: () => void): Promise<Outcome> {
  const events: RawEvent[] = [];
  const ring = new RingReader((batch, done) => {
    decodeRecords(Uint8Array.from(batch), (event) => events.push(event));
    setImmediate(done);
  });
  const scratch = new Scratch(true);
  try {
    ring.start();
    const session = await Session.attach(params, {
      objectPath: `${DIST}probelens.bpf.o`,
      holderPath: `${DIST}native/probelens-holder`,
      peerUid: process.getuid?.() ?? 0,
      ring,
      scratch,
      openCalls: () => new OpenCallTables(),
      features,
      onEnded: () => {},
    });
    run();
    await session.detach();
    await ring.drain();
    const counters = session.counters();
    session.close();
    return { counters, events };
  } finally {
    ring.stop();
    scratch.close();
  }
}

function bytesOf({ root, chunks }: RawEvent): string {
  return Buffer.concat([root, ...chunks.map(({ bytes }) => bytes)]).toString("latin1");
}

/** What an event holds of the target's memory, by address. */
class Snapshot {
  private readonly event: RawEvent;
  private readonly plan: EventPlan;

  constructor({ event, plan }: Recorded) {
    this.event = event;
    this.plan = plan;
  }

  /** A word of a parameter. */
  root(name: string, offset = 0): bigint {
    const captured = this.plan.variables.find(({ variable }) => variable.name === name);
    const piece = captured?.pieces.find((piece) => piece.offset <= offset && offset < piece.offset + piece.size);
    assert(piece?.root !== undefined, `${name}+${offset} was not captured: ${piece?.reason}`);
    return Buffer.from(this.event.root).readBigUInt64LE(piece.root + offset - piece.offset);
  }

  bytes(address: bigint, length: number): Buffer {
    const found = this.event.chunks.find(
      (chunk) => chunk.address <= address && address + BigInt(length) <= chunk.address + BigInt(chunk.bytes.length),
    );
    assert(found !== undefined, `${length} bytes at 0x${address.toString(16)} are not there`);
    const at = Number(address - found.address);
    return Buffer.from(found.bytes.subarray(at, at + length));
  }

  has(address: bigint): boolean {
    return this.event.chunks.some(
      (chunk) => chunk.address <= address && address < chunk.address + BigInt(chunk.bytes.length),
    );
  }

  word(address: bigint): bigint {
    return this.bytes(address, 8).readBigUInt64LE();
  }

  text(address: bigint): string {
    return this.bytes(this.word(address), Number(this.word(address + 8n))).toString();
  }
}

/** Offsets in main.Person: ID 0, Name 8, Tags 24, Home 48, Friend 56, secret 64, Token 72, Age 88. */
const NAME = 8n;
const TAGS = 24n;
const HOME = 48n;
const FRIEND = 56n;
const TOKEN = 72n;

const VARIANTS: [string, ...string[]][] = [
  ["go1.23.12"],
  ["go1.24.13", "-buildmode=pie"],
  ["installed"],
  ["installed", "-gcflags=-N -l"],
  ["go1.27.4", "-buildmode=pie"],
  ["go1.27.4", "GOEXPERIMENT=mapsplitgroup"],
  ["go1.25.8", "GOEXPERIMENT=noswissmap"],
];

for (const [toolchain, ...flags] of VARIANTS) {
  describe(`what a deep plan copies, ${[toolchain, ...flags].join(" ")}`, () => {
    let recorded: Map<Name, Recorded>;
    const of = (name: Name): Snapshot => new Snapshot(recorded.get(name)!);
    before(async () => {
      recorded = await record(toolchain, flags, DEFAULT_LIMITS);
    });

    it("every function gave its event, none over a budget, with an id of its own", () => {
      assert.deepEqual([...recorded.keys()].sort(), [...FUNCTIONS].sort());
      for (const { event } of recorded.values()) assert.equal(event.full, undefined);
      const ids = [...recorded.values()].map(({ event }) => event.callId);
      assert.equal(new Set(ids).size, ids.length);
      for (const id of ids) assert.ok(id < 2n ** 53n);
    });

    it("structs behind pointers, to the depth limit, cycles once", () => {
      const memory = of("person");
      const ann = memory.root("p");
      assert.equal(memory.word(ann), 1n);
      assert.equal(memory.text(ann + NAME), "Ann");
      const tags = memory.word(ann + TAGS);
      assert.deepEqual(
        [0n, 16n, 32n].map((at) => memory.text(tags + at)),
        ["x", "yy", "zzz"],
      );
      assert.equal(memory.text(memory.word(ann + HOME)), "Bern");
      const bob = memory.word(ann + FRIEND);
      assert.equal(memory.text(bob + NAME), "Bob");
      assert.equal(memory.word(bob + FRIEND), ann);
      assert.equal(recorded.get("person")!.event.chunks.filter(({ address }) => address === ann).length, 1);
    });

    it("a struct in the argument area", () => {
      const memory = of("byValue");
      assert.equal(memory.root("p", 0), 1n);
      assert.equal(memory.root("p", 88), 44n);
      assert.equal(memory.text(memory.root("p", Number(HOME))), "Bern");
    });

    it("slices of strings and of slices", () => {
      const memory = of("slices");
      const names = memory.root("names");
      assert.deepEqual(
        [0n, 16n, 32n].map((at) => memory.text(names + at)),
        ["one", "two", "three"],
      );
      const nested = memory.root("nested");
      assert.equal(memory.word(memory.word(nested) + 8n), 2n);
      assert.equal(memory.word(memory.word(nested + 24n)), 3n);
      assert.equal(memory.word(nested + 48n), 0n);
    });

    it("maps: entries, those of large maps up to the limit, large values", () => {
      const memory = of("maps");
      const { types, facts } = recorded.get("maps")!;
      assert.equal(memory.word(memory.root("small")), 2n);
      const small = entries(memory, "small", types[0]!, facts);
      assert.deepEqual(
        new Map(small.map(([key, value]) => [memory.text(key), memory.word(value)])),
        new Map([
          ["a", 1n],
          ["b", 2n],
        ]),
      );
      const cities = entries(memory, "large", types[1]!, facts);
      assert.ok(cities.length >= 64, `${cities.length} of 100 entries`);
      for (const [key, value] of cities.slice(0, 8))
        assert.equal(memory.text(memory.word(value)), `City${memory.word(key)}`);
      const [[key, value] = [0n, 0n]] = entries(memory, "big", types[2]!, facts);
      assert.equal(memory.text(key), "w");
      assert.equal(memory.word(memory.word(value) + 39n * 8n), 99n);
      assert.equal(memory.root("empty"), 0n);
    });

    it("interfaces, by their dynamic type: pointers, structs, numbers, maps, wrapped errors", () => {
      const memory = of("interfaces");
      const data = (name: string): bigint => memory.root(name, 8);
      assert.equal(memory.text(data("a") + NAME), "Ann");
      assert.equal(memory.text(data("b")), "Rome");
      assert.equal(memory.word(data("b") + 16n), 7n);
      assert.equal(memory.word(data("c")), 42n);
      assert.equal(memory.word(data("d")), 1n);
      // fmt.wrapError {msg string; err error}, errors.errorString {s string}
      assert.equal(memory.text(data("err")), "wrapped: inner");
      assert.equal(memory.text(memory.word(data("err") + 24n)), "inner");
    });

    it("channels: what waits in them", () => {
      const memory = of("channels");
      const chan = memory.root("c");
      assert.equal(memory.word(chan), 2n);
      const buffer = memory.word(chan + 16n);
      assert.deepEqual([memory.text(buffer), memory.text(buffer + 16n)], ["first", "second"]);
      assert.equal(memory.root("d"), 0n);
    });

    it("funcs: the address of their code", async () => {
      const memory = of("funcs");
      const { binary } = recorded.get("funcs")!;
      const code = (name: string): bigint => memory.word(memory.root(name));
      const [seven] = await binary.functionsNamed("main.seven");
      const bias = code("plain") - BigInt(seven!.entry);
      assert.equal(bias % 4096n, 0n);
      assert.equal((await binary.functionAt(Number(code("closure") - bias)))?.name, "main.main.func1");
    });

    it("closures: what they have captured (Go 1.23)", () => {
      const memory = of("funcs");
      const closure = memory.root("closure");
      // home *City at 8, sum at 16, by reference
      assert.equal(memory.text(memory.word(closure + 8n)), "Bern");
      assert.equal(memory.word(memory.word(closure + 16n)) > 0n, true);
    });

    it("16 000 bytes behind one pointer, and the text after it", () => {
      const memory = of("large");
      assert.equal(memory.word(memory.root("b") + 1999n * 8n), 1999n);
      assert.equal(memory.bytes(memory.root("text"), 5).toString(), "after");
    });

    it("no secrets: not of parameters, not of fields", () => {
      const { event, plan } = recorded.get("secrets")!;
      assert.equal(plan.variables[0]!.pieces[0]!.reason, "redacted");
      const memory = of("secrets");
      assert.equal(memory.bytes(memory.root("user"), 3).toString(), "ann");
      const ann = memory.root("key");
      assert.deepEqual(memory.bytes(ann + TOKEN, 16), Buffer.alloc(16));
      assert.equal(memory.word(ann + TOKEN + 16n), 44n);
      assert.equal(memory.bytes(ann + 64n, 3).toString("hex"), "000000");
      assert.doesNotMatch(bytesOf(event), /hunter2|hush/);
    });
  });
}

it("no names that somebody added: of parameters, of fields, behind pointers, interfaces, maps and closures", async () => {
  const names = /Ann|ann|Bob|Bern|Rome|City\d/;
  const holding = (recorded: Map<Name, Recorded>): Name[] =>
    [...recorded].flatMap(([name, { event }]) => (names.test(bytesOf(event)) ? [name] : []));
  for (const toolchain of ["installed", "go1.23.12"]) {
    const plain = await record(toolchain, [], DEFAULT_LIMITS);
    assert.deepEqual(holding(plain), ["person", "byValue", "maps", "interfaces", "funcs", "secrets"], toolchain);
    const hidden = await record(toolchain, [], DEFAULT_LIMITS, undefined, ["name", "USER"]);
    assert.deepEqual(holding(hidden), [], toolchain);
  }
});

describe("kernels without bpf_loop", () => {
  loadLibbpf(`${DIST}native`);
  const native = probeFeatures();
  for (const [name, features] of [
    ["uprobe_multi links", { ...native, loops: false }],
    ["perf events", { ...native, loops: false, uprobeMulti: false }],
    ["perf events without cookies", { ...native, loops: false, uprobeMulti: false, cookies: false }],
  ] as const)
    it(`give the same, with ${name}`, async () => {
      const sizes = (recorded: Map<Name, Recorded>): unknown[] =>
        [...recorded].map(([name, { event }]) => [
          name,
          event.full,
          // Where a map's entries stand differs from run to run, and so does how many of its groups are copied.
          name === "maps"
            ? new Set(event.chunks.map(({ status }) => status))
            : event.chunks.map(({ wanted, bytes, status }) => `${wanted} ${bytes.length} ${status}`).toSorted(),
        ]);
      const looped = await record("installed", [], DEFAULT_LIMITS);
      assert.deepEqual(sizes(await record("installed", [], DEFAULT_LIMITS, features)), sizes(looped));
    });
});

describe("budgets of a deep plan", () => {
  it("bytes: what fits is there, the rest is said to be missing", async () => {
    const recorded = await record("installed", [], { ...DEFAULT_LIMITS, eventBytes: 2048 });
    const { event } = recorded.get("large")!;
    assert.equal(event.full, "bytes");
    const [array] = event.chunks;
    assert.equal(array!.wanted, 16_000);
    assert.equal(array!.status, "ok");
    assert.ok(array!.bytes.length > 1800 && array!.bytes.length < 2048, String(array!.bytes.length));
    assert.equal(Buffer.from(array!.bytes).readBigUInt64LE(100 * 8), 100n);
  });

  it("depth: pointers are followed so far and no farther", async () => {
    for (const [depth, home, city] of [
      [0, false, false],
      [1, true, false],
      [2, true, true],
    ] as const) {
      const memory = new Snapshot((await record("installed", [], { ...DEFAULT_LIMITS, depth })).get("person")!);
      const ann = memory.root("p");
      assert.equal(memory.has(ann), home);
      if (home) assert.equal(memory.has(memory.word(ann + HOME)), city);
    }
  });
});

/** Addresses of key and value of each entry that was copied. */
function entries(memory: Snapshot, name: string, type: GoType, facts: RuntimeFacts): [bigint, bigint][] {
  assert(type.kind === "map");
  const storage = mapStorage(facts.maps, type);
  assert(storage !== undefined);
  const map = memory.root(name);
  const layout = storage.kind === "hmap" ? storage.bucket : storage.group;
  const groups: bigint[] = [];
  const run = (first: bigint, count: number): void => {
    for (let index = 0; index < count; index++) groups.push(first + BigInt(index * layout.size));
  };
  if (storage.kind === "hmap") {
    run(memory.word(map + BigInt(HMAP.buckets)), 1 << memory.bytes(map + BigInt(HMAP.b), 1)[0]!);
    for (const bucket of groups) {
      const overflow = memory.has(bucket) ? memory.word(bucket + BigInt(storage.bucket.overflow)) : 0n;
      if (overflow !== 0n) groups.push(overflow);
    }
  } else {
    const directory = memory.word(map + BigInt(SWISS_MAP.directory));
    const length = Number(memory.word(map + BigInt(SWISS_MAP.directoryLength)));
    if (length === 0) run(directory, 1);
    for (let index = 0; index < length; index++) {
      const table = memory.word(directory + BigInt(index * 8));
      if (Number(memory.word(table + BigInt(SWISS_TABLE.index))) !== index) continue;
      run(
        memory.word(table + BigInt(SWISS_TABLE.groups)),
        Number(memory.word(table + BigInt(SWISS_TABLE.groupMask))) + 1,
      );
    }
  }
  const { keys, elems } = layout;
  return groups
    .filter((group) => memory.has(group))
    .flatMap((group) => {
      const control = memory.bytes(group + BigInt(GROUP_CONTROL), GROUP_SLOTS);
      return Array.from(control, (byte, slot): [bigint, bigint] | undefined => {
        const live = storage.kind === "hmap" ? byte >= TOPHASH.live : (byte & CONTROL_EMPTY) === 0;
        const at = ({ offset, stride }: SlotArray): bigint => group + BigInt(offset + slot * stride);
        return live ? [at(keys), at(elems)] : undefined;
      }).filter((entry) => entry !== undefined);
    });
}
