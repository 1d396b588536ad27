/** The condition machine in the kernel against its reference in TypeScript: random programs over random calls. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { CompiledCondition } from "../../src/condition/compile.ts";
import { CAPTURE_REGISTERS, FLOAT_REGISTERS } from "../../src/protocol/capture.ts";
import type { ConditionProgram } from "../../src/protocol/condition.ts";
import { CONDITION, encodeCondition } from "../../src/protocol/conditionLayout.ts";
import { Random } from "../fuzz/random.ts";
import { KeptState, type Machine, passesScreen, run } from "../unit/condition/interpreter.ts";
import { randomCall, randomCondition } from "../unit/condition/random.ts";
import { ARENA, ARENA_BYTES, compiled, LOSING, Memory, param, SCOPE, words } from "../unit/condition/scene.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "probelens-machine-"));
after(() => rmSync(folder, { recursive: true }));
const NATIVE = join(ROOT, "dist/native");

/** struct pl_machine of bpf/condition_layout.h. */
const MACHINE = {
  size: 4232,
  registers: 8,
  cfa: 168,
  goid: 176,
  g: 184,
  duration: 192,
  unread: 200,
  answerReason: 504,
  low: 520,
  hasLow: 648,
  ownLow: 656,
  hasOwnLow: 784,
  kept: 3568,
  lost: 4224,
} as const;
const KEPT_BYTES = 656;
/** enum of condition.h. */
const VERDICTS = ["pass", "reject", "undecided", "late"] as const;

function build(): void {
  const clang = ["-target", "bpf", "-mcpu=v2", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D__TARGET_ARCH_x86", "-c"];
  execFileSync("clang", [
    ...clang,
    join(ROOT, "test/kernel/condition/machine.bpf.c"),
    "-o",
    join(folder, "machine.bpf.o"),
  ]);
  const gcc = [
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    join(ROOT, "test/kernel/condition/runner.c"),
    join(NATIVE, "libbpf.so.1"),
  ];
  execFileSync("gcc", [...gcc, `-Wl,-rpath,${NATIVE}`, "-Wl,--allow-shlib-undefined", "-o", join(folder, "runner")]);
}

interface Request {
  readonly program: ConditionProgram;
  readonly machine: Machine;
  readonly memory: Memory;
  /** What the entry left: bytes of the machine. */
  readonly kept?: Buffer;
}
interface Answer {
  readonly verdict: string;
  readonly screenedOut: boolean;
  readonly reason: number;
  readonly kept: Buffer;
}

function inKernel(requests: readonly Request[]): Answer[] {
  const input = requests.flatMap(({ program, machine, memory, kept }) => {
    const bytes = Buffer.alloc(MACHINE.size);
    for (const [index, register] of CAPTURE_REGISTERS.entries()) {
      bytes.writeBigUInt64LE(machine.registers[register] ?? 0n, MACHINE.registers + 8 * index);
    }
    bytes.writeBigUInt64LE(machine.cfa, MACHINE.cfa);
    bytes.writeBigUInt64LE(machine.goid ?? 0n, MACHINE.goid);
    bytes.writeBigUInt64LE(machine.g ?? 0n, MACHINE.g);
    bytes.writeBigUInt64LE(machine.goid === undefined ? 1n : 0n, MACHINE.unread);
    bytes.writeBigUInt64LE(machine.durationNs, MACHINE.duration);
    if (kept !== undefined) bytes.set(kept, MACHINE.kept);
    else bytes.writeBigUInt64LE(machine.lost === true ? 1n : 0n, MACHINE.lost);
    for (const [index, register] of FLOAT_REGISTERS.entries()) {
      const bits = machine.registers[register];
      if (bits === undefined) continue;
      bytes.writeBigUInt64LE(bits, MACHINE.low + 8 * index);
      bytes.writeBigUInt64LE(1n, MACHINE.hasLow);
      if (machine.ownFrame !== true) continue;
      bytes.writeBigUInt64LE(bits, MACHINE.ownLow + 8 * index);
      bytes.writeBigUInt64LE(1n, MACHINE.hasOwnLow);
    }
    return [encodeCondition(program, 0), bytes, memory.bytes];
  });
  const arguments_ = [join(folder, "machine.bpf.o"), String(CONDITION.size), String(MACHINE.size)];
  const output = execFileSync(join(folder, "runner"), arguments_, { input: Buffer.concat(input), maxBuffer: 1 << 30 });
  const size = 4 + MACHINE.size;
  assert.equal(output.length, size * requests.length);
  return requests.map((_, index) => {
    const answer = output.subarray(index * size, (index + 1) * size);
    const returned = answer.readUInt32LE();
    return {
      verdict: VERDICTS[returned & 0xff] ?? "?",
      screenedOut: returned >> 8 === 1,
      reason: Number(answer.readBigUInt64LE(4 + MACHINE.answerReason)),
      kept: answer.subarray(4 + MACHINE.kept, 4 + MACHINE.kept + KEPT_BYTES),
    };
  });
}

interface Case {
  readonly text: string;
  readonly condition: CompiledCondition;
  readonly memory: Memory;
  readonly machine: Machine;
}

/** Entry and, where it is late, return or the entry's own frame, on both machines. */
function compare(cases: readonly Case[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const kept = cases.map(() => new KeptState());
  const entries = inKernel(
    cases.map(({ condition, machine, memory }) => ({ program: condition.entry, machine, memory })),
  );
  const late = cases.flatMap((one, index) => {
    const answer = check(one, one.condition.entry, kept[index]!, entries[index]!);
    counts[answer] = (counts[answer] ?? 0) + 1;
    const behind = { ...one, machine: { ...one.machine, ownFrame: true } };
    return answer === "late" ? [{ one: behind, index, program: one.condition.return ?? one.condition.entry }] : [];
  });
  const later = inKernel(
    late.map(({ one: { machine, memory }, index, program }) => {
      return { program, machine, memory, kept: entries[index]!.kept };
    }),
  );
  for (const [at, { one, index, program }] of late.entries()) {
    const answer = `late ${check(one, program, kept[index]!, later[at]!)}`;
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

function check(
  { text, machine }: Case,
  program: ConditionProgram,
  kept: KeptState,
  { verdict, reason, screenedOut }: Answer,
): string {
  assert.equal(screenedOut, !passesScreen(program, machine), text);
  const wanted = run(program, machine, kept);
  if (screenedOut) assert.equal(wanted, "reject", text);
  const expected = typeof wanted === "string" ? { verdict: wanted } : { verdict: "undecided", reason: wanted.reason };
  assert.deepEqual(verdict === "undecided" ? { verdict, reason } : { verdict }, expected, text);
  return verdict;
}

test("random conditions are evaluated in the kernel as by the reference", { timeout: 300_000 }, () => {
  build();
  const random = new Random(11);
  const cases: Case[] = [];
  while (cases.length < 4000) {
    const { text } = randomCondition(random);
    // Where a random part is late, so is the rest that depends on it.
    const late = random.once(3) ? text.replace(/\bn\b/, "r0").replace(/\bother\b/, "r2") : text;
    let condition: CompiledCondition;
    try {
      condition = compiled(late, true, random.once(3) ? LOSING : SCOPE);
    } catch {
      continue;
    }
    for (let calls = 0; calls < 4; calls += 1) {
      const { memory } = randomCall(random);
      memory.set(param("~r0"), words(BigInt(random.below(5))));
      memory.set(param("~r2"), memory.string(random.pick(["", "a", "abc", "bob"])));
      // No frame showed the float registers.
      if (random.once(4)) delete memory.registers["X0"];
      const machine = memory.machine({ durationNs: 6_000_000n, lost: random.once(3) });
      cases.push({ text: late, condition, memory, machine });
    }
  }
  const counts = compare(cases);
  for (const answer of [
    "pass",
    "reject",
    "undecided",
    "late",
    "late pass",
    "late reject",
    "late undecided",
    "late late",
  ]) {
    assert.ok((counts[answer] ?? 0) > 20, `${answer}: ${counts[answer]}`);
  }
});

test("long strings, unreadable memory and labels in the kernel as by the reference", { timeout: 300_000 }, () => {
  build();
  const random = new Random(13);
  const cases: Case[] = [];
  const expressions = [
    "name == other",
    "name < other",
    "strings.Contains(name, other)",
    "strings.HasPrefix(name, other)",
    "strings.HasSuffix(name, other)",
    'strings.Contains(name, "aab")',
    'strings.HasSuffix(name, "ab")',
    'name == ""',
    'name == "aaaaaaa" && n < 0',
    'strings.HasPrefix(name, "aaaaaaaa")',
    'strings.Contains(name, "aaaaaaaaa")',
    "name == r2",
    "strings.Contains(r2, name)",
    "strings.Contains(name, r2)",
    "strings.HasSuffix(name, r2)",
    "tags[1] == name",
    "len(tags[n]) == 0",
    'labels["key"] == name',
    'labels[""] < other',
    'labels["key"] == r2',
    "duration > 5ms && goid == 18",
    "goid != 18",
  ];
  const lengths = [0, 1, 7, 8, 9, 63, 64, 65, 255, 256, 257, 300];
  while (cases.length < 3000) {
    const memory = new Memory();
    const some = (): Buffer => {
      const bytes = Buffer.from(Array.from({ length: random.pick(lengths) }, () => (random.once(40) ? 98 : 97)));
      return memory.string(bytes);
    };
    const shared = some();
    // Where nothing is mapped, wholly or from some byte on.
    const torn = words(random.pick([0xdead0000n, ARENA + BigInt(ARENA_BYTES) - 6n]), random.pick([3n, 6n, 7n, 300n]));
    memory.set(param("name"), random.once(3) ? shared : random.once(4) ? torn : some());
    memory.set(param("other"), random.once(3) ? shared : some());
    memory.set(param("~r2"), random.once(3) ? shared : some());
    memory.set(param("n"), words(BigInt(random.below(4)) - 1n));
    const missing = words(0xdead0000n, 3n);
    const tags = memory.place(Buffer.concat([some(), random.once(3) ? missing : shared]));
    memory.set(param("tags"), random.once(4) ? Buffer.concat([missing, words(3n)]) : words(tags, 2n, 2n));
    const pairs = memory.place(
      Buffer.concat([
        memory.string("other"),
        some(),
        memory.string(random.pick(["key", "kay", ""])),
        random.once(4) ? missing : some(),
      ]),
    );
    const list = memory.place(words(random.once(5) ? 0xdead0000n : pairs, random.pick([0n, 2n, 2n, 2n, 33n]), 2n));
    const g = memory.place(Buffer.concat([Buffer.alloc(0x160), words(random.once(5) ? 0n : list)]));
    const text = random.pick(expressions);
    cases.push({
      text,
      condition: compiled(text),
      memory,
      machine: memory.machine({
        ...random.pick([{ g }, { g }, { g }, { g, goid: undefined }, { g: undefined, goid: undefined }]),
        durationNs: random.pick([0n, 6_000_000n]),
      }),
    });
  }
  const counts = compare(cases);
  for (const answer of ["pass", "reject", "undecided", "late pass", "late reject", "late undecided"]) {
    assert.ok((counts[answer] ?? 0) > 20, `${answer}: ${counts[answer]}`);
  }
});
