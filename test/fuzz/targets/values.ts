/** Value rendering: random types over random memory, as a damaged program file or a torn read would give them. */
import { assignSignature } from "../../../src/goabi/assign.ts";
import { refuse } from "../../../src/goabi/refusal.ts";
import type { ValueResolver } from "../../../src/goabi/resolver.ts";
import { runtimeFacts } from "../../../src/goabi/runtime/facts.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import { DEFAULT_LIMITS } from "../../../src/probe/api.ts";
import { planCapture } from "../../../src/probe/capture/captureVariables.ts";
import { MAX_EVENT_BYTES, rootLayout } from "../../../src/protocol/capture.ts";
import type { RawEvent } from "../../../src/protocol/records.ts";
import type { Value } from "../../../src/value/api.ts";
import { ProgramValues, renderVariables } from "../../../src/value/render.ts";
import { textOf } from "../../../src/value/text.ts";
import { chunkOf, EVENT, onStack } from "../../unit/value/capturedValue.ts";
import type { Random } from "../random.ts";
import { randomType } from "../randomTypes.ts";
import { check, type FuzzTarget } from "../target.ts";

/** An event holds 16 KiB; a byte as text takes at most 6 characters, punctuation and reasons come on top. */
const MAX_TEXT = 64 * MAX_EVENT_BYTES;

export async function valuesTarget(): Promise<FuzzTarget> {
  const program = new ProgramValues({
    facts: runtimeFacts(27, "go1.27.4"),
    limits: DEFAULT_LIMITS,
    isSecret: secretNames([]),
  });
  return {
    name: "values",
    run(random) {
      const types = Array.from({ length: 1 + random.below(5) }, () => randomType(random, 4));
      const { params } = assignSignature("amd64", random.once(3) ? "stack" : "register", types, []);
      const variables = types.map((type, i) => ({ name: `v${i}`, type, blank: false, location: params[i]! }));
      const plan = planCapture(variables, DEFAULT_LIMITS, secretNames([]));
      const values = renderVariables(plan, randomEvent(plan.capture, random), program, 0);
      check(values.length === plan.variables.length, "one text for each variable");
      for (const { text } of values) {
        check(text !== "", "an empty text");
        check(text.length <= MAX_TEXT, `a text of ${text.length} characters from an event of ${MAX_EVENT_BYTES} bytes`);
        check(!/[\n\r]/.test(text), "a text of more than one line");
        check(!/\bundefined\b|\[object /.test(text), `JavaScript in a Go text: ${text.slice(0, 100)}`);
      }
    },
  };
}

/**
 * What an event that holds less says must be what one says that holds everything: random types over one random memory,
 * copied whole, and in random pieces.
 */
export async function memoryTarget(): Promise<FuzzTarget> {
  const programs = [20, 23, 26, 27].map((minor) => runtimeFacts(minor, `go1.${minor}.0`));
  return {
    name: "memory",
    run(random) {
      const types = Array.from({ length: 4 }, () => randomType(random, 3));
      const [type, ...dynamic] = types as [GoType, ...GoType[]];
      const resolver = randomResolver(dynamic, random.once(2));
      const limits = {
        ...DEFAULT_LIMITS,
        elements: 1 + random.below(20),
        depth: random.below(6),
        stringBytes: random.below(64),
      };
      const masks = { size: 8 + random.below(64), masks: [{ offset: random.below(32), length: 1 + random.below(16) }] };
      const program = new ProgramValues({
        facts: random.pick(programs),
        limits,
        isSecret: secretNames([]),
        resolver,
        masksOf: (id) => (id === 1 ? masks : undefined),
      });
      const memory = randomWords(random, MEMORY_BYTES);
      const root = randomWords(random, Math.min(256, Math.max(8, type.size)));
      const plan = onStack("v", type, root.length);
      const decode = (chunks: RawEvent["chunks"]): Value =>
        program.decode(plan, { ...EVENT, root, chunks }, 0)[0]!.value;
      const whole = decode([chunkOf({ address: BigInt(MEMORY_START), bytes: memory })]);
      const part = decode(randomPieces(memory, random));
      for (const value of [whole, part]) {
        const text = textOf(value);
        check(text.length <= MAX_TEXT, `a text of ${text.length} characters`);
        check(!/[\n\r]|\bundefined\b|\[object /.test(text), `not a Go text: ${text.slice(0, 200)}`);
      }
      compare(part, whole);
    },
  };
}

const MEMORY_START = 0xc000010000;
const MEMORY_BYTES = 2048;

/** `part` never says what `whole` does not. */
function compare(part: Value, whole: Value): void {
  const silent = (value: Value) => value.unavailable !== undefined || value.redacted === true;
  if (silent(part) || silent(whole)) return;
  const both = `${textOf(part).slice(0, 200)} and ${textOf(whole).slice(0, 200)}`;
  check(part.type === whole.type && part.kind === whole.kind, `two types: ${both}`);
  check(part.len === whole.len && part.cap === whole.cap && part.nil === whole.nil, `two lengths: ${both}`);
  check(part.address === whole.address && part.closed === whole.closed, `two addresses: ${both}`);
  if (part.text !== undefined && whole.text !== undefined) {
    const start = part.cut === undefined ? part.text : part.text.slice(0, -1);
    check(part.cut === undefined ? part.text === whole.text : whole.text.startsWith(start), `two texts: ${both}`);
  }
  if (part.elem !== undefined && whole.elem !== undefined) compare(part.elem, whole.elem);
  const [elems, wholeElems] = [part.elems ?? [], whole.elems ?? []];
  for (const [index, elem] of elems.entries()) if (index < wholeElems.length) compare(elem, wholeElems[index]!);
  const [fields, wholeFields] = [part.fields ?? [], whole.fields ?? []];
  for (const [index, field] of fields.entries())
    if (index < wholeFields.length) compare(field.value, wholeFields[index]!.value);
  // Which entries are shown may differ where some are left out.
  if (part.cut !== undefined || whole.cut !== undefined || part.entries === undefined) return;
  const keys = new Set(whole.entries?.map((entry) => textOf(entry.key)));
  for (const { key } of part.entries)
    check(/unavailable|redacted|0x|…/.test(textOf(key)) || keys.has(textOf(key)), `an entry of its own: ${both}`);
}

/** Words that are often lengths, addresses in the memory, or type words. */
function randomWords(random: Random, size: number): Uint8Array {
  const bytes = random.bytes(Math.ceil(size / 8) * 8);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += 8) {
    if (random.once(6)) continue;
    const inside = MEMORY_START + random.below(MEMORY_BYTES / 8) * 8;
    view.setBigUint64(at, BigInt(random.pick([0, 1, 2, 3, 8, 0x500, 0x1_0101, inside, inside, inside])), true);
  }
  return bytes.subarray(0, size);
}

function randomPieces(memory: Uint8Array, random: Random): RawEvent["chunks"] {
  return Array.from({ length: random.below(12) }, () => {
    const start = random.below(MEMORY_BYTES);
    const bytes = memory.subarray(start, start + random.below(random.pick([16, 64, 512])));
    const status = random.once(6) ? ("fault" as const) : ("ok" as const);
    const more = { wanted: bytes.length + (random.once(2) ? 0 : random.below(64)), type: random.below(8) };
    return chunkOf({ address: BigInt(MEMORY_START + start), status, bytes, ...more });
  });
}

function randomResolver(types: readonly GoType[], direct: boolean): ValueResolver {
  const typeAt = (word: number): GoType => types[Math.abs(word) % types.length]!;
  return {
    dynamicType: (word) => (word % 7 === 3 ? refuse("fuzzed") : { type: typeAt(word), direct }),
    funcAt: (code) => ({
      name: code % 2 === 0 ? "main.f.func1" : "main.T.M-fm",
      captured: types.map((type, index) => ({
        name: `c${index}`,
        type,
        offset: 8 + 8 * index,
        byReference: index === 1,
        ...(index === 2 ? { inDictionary: { word: 0 } } : {}),
      })),
      ...(code % 5 === 0 ? {} : { dictionary: 8 }),
      ...(code % 3 === 0 ? { missing: "fuzzed" } : {}),
    }),
    typeInDictionary: (dictionary) => (dictionary % 5 === 0 ? undefined : typeAt(dictionary)),
  };
}

function randomEvent(
  capture: Parameters<typeof rootLayout>[0] & { slots: readonly { maxBytes: number }[] },
  random: Random,
): RawEvent {
  const { size } = rootLayout(capture);
  const root = random.bytes(size);
  const view = new DataView(root.buffer);
  for (let at = 0; at + 8 <= size; at += 8) {
    // Words are often small, zero, minus one, or look like addresses.
    if (random.once(2))
      view.setBigUint64(at, random.pick([0n, 1n, 5n, 300n, 0xffffffffffffffffn, 0xc000010000n, 1n << 62n]), true);
  }
  return {
    ...EVENT,
    failedPieces: random.once(4) ? random.u32() : 0,
    root: random.once(20) ? root.subarray(0, random.below(size)) : root,
    chunks: capture.slots.flatMap((slot) =>
      random.once(5)
        ? []
        : [
            chunkOf({
              type: random.below(40),
              wanted: random.u32(),
              address: random.pick([0n, 0xc000010000n, 0xffffffffffffffffn]),
              status: random.once(5) ? "fault" : "ok",
              bytes: random.bytes(random.below(Math.min(slot.maxBytes, 4096) + 1)),
            }),
          ],
    ),
  };
}
