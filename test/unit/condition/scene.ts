/** A traced function with parameters of every kind that a condition may name, and its calls' values as memory. */

import { type CompiledCondition, compileCondition, parseCondition } from "../../../src/condition/compile.ts";
import type { ConditionScope, ConditionVariable } from "../../../src/condition/tree.ts";
import { assignSignature } from "../../../src/goabi/assign.ts";
import { runtimeFacts } from "../../../src/goabi/runtime/facts.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import type { GoType, StructType } from "../../../src/goabi/type.ts";
import { array, chan, func, iface, map, pointer, scalar, slice, struct } from "../types.ts";
import { KeptState, type Machine, run, type Verdict } from "./interpreter.ts";

/** Go: type User struct { ID int64; Name string; Score float64; Ratio float32; Flags uint8; Tags []string; Next *User; Base; Token string; *Boss } */
const BASE = struct("main.Base", [
  ["Level", scalar("int8")],
  ["Home", struct("main.Home", [["City", scalar("string")]])],
]);
const USER_FIELDS: [string, GoType][] = [
  ["ID", scalar("int64")],
  ["Name", scalar("string")],
  ["Score", scalar("float64")],
  ["Ratio", scalar("float32")],
  ["Flags", scalar("uint8")],
  ["Tags", slice(scalar("string"))],
  ["Next", pointer(scalar("int"))],
  ["Base", BASE],
  ["Token", scalar("string")],
  ["Boss", pointer(struct("main.Boss", [["Rank", scalar("int")]]))],
];
export const USER = linked(struct("main.User", USER_FIELDS) as StructType);

/** `Next` points to the type itself; `Base` and `*Boss` are embedded. */
function linked(type: StructType): StructType {
  const self: StructType = {
    ...type,
    fields: type.fields.map((field) => ({
      ...field,
      embedded: field.name === "Base" || field.name === "Boss",
      get type(): GoType {
        return field.name === "Next"
          ? { ...pointer(field.type), name: "*main.User", kind: "ptr", elem: self }
          : field.type;
      },
    })),
  };
  return self;
}

export const PARAMS: readonly (readonly [string, GoType])[] = [
  ["n", scalar("int")],
  ["i8", scalar("int8")],
  ["u", pointer(USER)],
  ["name", scalar("string")],
  ["ok", scalar("bool")],
  ["u32", scalar("uint32")],
  ["tags", slice(scalar("string"))],
  ["i16s", slice(scalar("int16"))],
  ["grid", array(scalar("int32"), 4)],
  ["user", USER],
  ["wait", scalar("int64", "time.Duration")],
  ["other", scalar("string")],
  ["i64", scalar("int64")],
  ["u64", scalar("uint64")],
  ["u8", scalar("uint8")],
  ["i32", scalar("int32")],
  ["u16", scalar("uint16")],
  ["m", map(scalar("string"), scalar("int"))],
  ["err", iface("error")],
  ["any", iface("interface {}", true)],
  ["f", func()],
  ["c", chan(scalar("int"))],
  ["times", chan({ ...struct("time.Time", [["wall", scalar("uint64")]]) })],
  ["kind", scalar("string", "main.Kind")],
  ["x", scalar("float64")],
  ["password", scalar("string")],
  ["z", scalar("complex128")],
];
export const RESULTS: readonly (readonly [string, GoType])[] = [
  ["~r0", scalar("int")],
  ["res", pointer(USER)],
  ["~r2", scalar("string")],
  ["failed", iface("error")],
  ["~r4", scalar("float64")],
];

const assigned = assignSignature(
  "amd64",
  "register",
  PARAMS.map(([, type]) => type),
  RESULTS.map(([, type]) => type),
);
const variables = (named: typeof PARAMS, locations: typeof assigned.params): ConditionVariable[] =>
  named.map(([name, type], index) => ({ name, type, location: locations[index]! }));

export const SCOPE: ConditionScope = {
  func: "main.f",
  params: variables(PARAMS, assigned.params),
  results: variables(RESULTS, assigned.results),
  runtime: { facts: runtimeFacts(26, "go1.26.8"), labels: 0x160 },
  isSecret: secretNames([]),
};

/** The same function, of whose parameters some are lost in calls whose stack check failed. */
export const LOSING: ConditionScope = {
  ...SCOPE,
  lost: { registers: ["RAX", "RCX", "RSI", "R8", "X0"], cameBack: -0x40 },
};

export function compiled(text: string, returns = true, scope = SCOPE): CompiledCondition {
  return compileCondition(text, parseCondition(text), scope, returns);
}

export const ARENA = 0x100000000n;
export const ARENA_BYTES = 16384;
const STACK = 4096;

/** The target's memory: values are placed one after the other behind the stack's part. */
export class Memory {
  readonly bytes = Buffer.alloc(ARENA_BYTES);
  /** Of the call: parameters on the stack lie above. */
  readonly cfa = ARENA + 256n;
  readonly registers: Record<string, bigint> = {};
  private next = STACK;

  place(bytes: Uint8Array): bigint {
    const at = this.next;
    if (at + bytes.length > ARENA_BYTES) throw new RangeError("the arena is full");
    this.bytes.set(bytes, at);
    this.next = (at + bytes.length + 7) & ~7;
    return ARENA + BigInt(at);
  }

  /** Of a string: pointer and length. */
  string(text: string | Uint8Array): Buffer {
    const bytes = Buffer.from(text);
    return words(bytes.length === 0 ? 0n : this.place(bytes), BigInt(bytes.length));
  }

  /** Puts a parameter's or result's bytes where the ABI has them. */
  set(variable: ConditionVariable | undefined, value: Uint8Array): void {
    for (const { offset, size, place } of variable?.location ?? []) {
      const bytes = value.subarray(offset, offset + size);
      // What stands above a small value in its register is anybody's.
      if (place.at === "register")
        this.registers[place.register] = Buffer.concat([bytes, Buffer.alloc(8, 0xa5)]).readBigUInt64LE();
      else if (place.at === "cfa") this.bytes.set(bytes, Number(this.cfa - ARENA) + place.offset);
    }
  }

  read = (address: bigint, size: number): Uint8Array | undefined => {
    const at = address - ARENA;
    return at >= 0n && at + BigInt(size) <= BigInt(ARENA_BYTES)
      ? this.bytes.subarray(Number(at), Number(at) + size)
      : undefined;
  };

  machine(more: Partial<Machine> = {}): Machine {
    return { registers: this.registers, cfa: this.cfa, goid: 18n, g: 0n, durationNs: 0n, read: this.read, ...more };
  }
}

export function words(...values: bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, value), 8 * index);
  return bytes;
}

export function param(name: string): ConditionVariable {
  return [...SCOPE.params, ...SCOPE.results].find((variable) => variable.name === name)!;
}

/** What the two programs say one after the other, as the kernel runs them: reasons in words. */
export function verdict(text: string, atEntry: Machine, atReturn: Machine = atEntry, scope = SCOPE): string {
  const condition = compiled(text, true, scope);
  const kept = new KeptState();
  const first = run(condition.entry, atEntry, kept);
  const behind = condition.return === undefined ? { ...atEntry, ownFrame: true } : atReturn;
  const last = first === "late" ? run(condition.return ?? condition.entry, behind, kept) : first;
  return `${first === "late" ? "late " : ""}${inWords(last, condition.reasons)}`;
}

function inWords(answer: Verdict, reasons: readonly string[]): string {
  return typeof answer === "string" ? answer : (reasons[answer.reason - 1] ?? "no reason");
}
