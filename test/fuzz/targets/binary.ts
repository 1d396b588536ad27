/** Whole program files, damaged in their headers, tables and sections, opened and asked everything. */
import type { ByteSource } from "../../../src/bytes/source.ts";
import { planInlinedCalls } from "../../../src/engine/plan/inlinedCalls.ts";
import { isRefusal } from "../../../src/goabi/refusal.ts";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import type { GoBinary, GoFunction } from "../../../src/gobinary/api.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import { DEFAULT_LIMITS } from "../../../src/probe/api.ts";
import { planFunction } from "../../../src/probe/plan.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { damage, type Region } from "../mutate.ts";
import type { Random } from "../random.ts";
import { sectionsOf, seedPrograms } from "../seeds.ts";
import { check, type FuzzTarget } from "../target.ts";

interface Seed {
  readonly bytes: Uint8Array;
  readonly regions: readonly Region[];
  /** Entries to ask for: of undamaged parts, so that damaged tables are met by sound questions. */
  readonly addresses: readonly number[];
}

const ELF_TABLES =
  /^\.(go\.buildinfo|gopclntab|data\.rel\.ro\.gopclntab|go\.module|note\..*|symtab|strtab|shstrtab|noptrdata|data\.rel\.ro|typelink|itablink|rela.*)$/;

/** Everything but DWARF: the file's headers, function table, symbols, build info, module data. */
export async function binaryTarget(): Promise<FuzzTarget> {
  return { name: "binary", run: runner(await seeds((name) => ELF_TABLES.test(name), true)) };
}

/** DWARF sections, compressed and not. */
export async function dwarfTarget(): Promise<FuzzTarget> {
  return { name: "dwarf", run: runner(await seeds((name) => /^\.z?debug_/.test(name), false)) };
}

async function seeds(wanted: (section: string) => boolean, headers: boolean): Promise<Seed[]> {
  const all: Seed[] = [];
  for (const { bytes } of await seedPrograms()) {
    const regions: Region[] = sectionsOf(bytes).filter(({ name, size }) => size > 0 && wanted(name));
    if (headers) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const sectionTable = Number(view.getBigUint64(40, true));
      regions.push({ offset: 0, size: 64 }, { offset: 64, size: 56 * view.getUint16(56, true) });
      regions.push({
        offset: sectionTable,
        size: bytes.length - sectionTable > 0 ? 64 * view.getUint16(60, true) : 64,
      });
    }
    if (regions.length === 0) continue;
    const binary = await openBinary(source(bytes));
    const functions = await binary.functions();
    const main = functions.filter(({ name }) => name.startsWith("main."));
    const others = functions.filter((_, index) => index % 50 === 0);
    all.push({ bytes, regions, addresses: [...main, ...main, ...main, ...others].map(({ entry }) => entry) });
  }
  return all;
}

function source(bytes: Uint8Array): ByteSource {
  return {
    name: "fuzzed",
    size: bytes.length,
    async read(offset, length) {
      if (offset >= 0 && length >= 0 && Number.isInteger(offset + length) && offset + length <= bytes.length)
        return bytes.subarray(offset, offset + length);
      throw new UserError({
        code: "truncated",
        what: `Cannot read ${length} bytes at ${offset}`,
        why: "the file ends",
        remedy: "Copy it again",
      });
    },
  };
}

function runner(seeds: readonly Seed[]): FuzzTarget["run"] {
  return async (random) => {
    const seed = random.pick(seeds);
    const undo = damage(seed.bytes, random.pick(seed.regions), random);
    const cut = random.once(20) ? random.below(seed.bytes.length) : seed.bytes.length;
    try {
      const binary = await allowed(() => openBinary(source(seed.bytes.subarray(0, cut))));
      if (binary === undefined) return;
      await ask(binary, seed, random);
      binary.close();
    } finally {
      undo();
    }
  };
}

async function ask(binary: GoBinary, seed: Seed, random: Random): Promise<void> {
  check(Array.isArray(binary.warnings), "warnings");
  if (random.once(25)) {
    const functions = await allowed(() => binary.functions());
    let last: GoFunction | undefined;
    for (const fn of functions ?? []) {
      checkFunction(fn);
      check(last === undefined || last.entry < fn.entry, `two functions at ${fn.entry}, or out of order`);
      last = fn;
    }
  }
  if (random.once(6)) {
    const types = await allowed(() => binary.typeData());
    for (const name of TYPES) readDeep(types?.find(name), 6);
  }
  if (random.once(4)) {
    const name = random.pick(INLINED);
    const fn = await allowed(async () => (await binary.functionsNamed(name))[0] ?? (await binary.inlinedOnly(name)));
    if (fn !== undefined) await askInlined(binary, fn);
  }
  for (let i = 0; i < 3; i++) {
    const address = random.once(8) ? random.u32() : random.pick(seed.addresses) + random.below(3);
    await allowed(() => binary.positionOf(address));
    await allowed(() => binary.framesOf(address));
    const fn = await allowed(() => binary.functionAt(address));
    if (fn === undefined) continue;
    checkFunction(fn);
    check(fn.entry <= address && address < fn.end, `functionAt(${address}) is ${fn.entry} to ${fn.end}`);
    await allowed(() => binary.positionsOf(fn, 4096));
    const signature = await allowed(() => binary.signature(fn));
    const code = await allowed(() => binary.code(fn));
    if (code !== undefined) check(code.length === fn.end - fn.entry, "code of another length than the function");
    if (random.once(4)) await allowed(() => binary.functionsNamed(fn.name));
    if (random.once(8)) await allowed(() => binary.functionsInFile("proc.go"));
    if (signature?.ok === true && random.once(2)) await allowed(() => binary.contradiction(fn, signature.signature));
    if (random.once(4)) await allowed(() => binary.inlinedCallCount(fn));
    if (signature?.ok === true)
      for (const { type } of [...signature.signature.params, ...signature.signature.results]) readDeep(type, 5);
    if (signature === undefined || code === undefined || code.length > 4096) continue;
    planFunction({ fn, arch: binary.arch, signature, code, limits: DEFAULT_LIMITS, isSecret: secretNames([]) });
  }
}

async function askInlined(binary: GoBinary, fn: GoFunction): Promise<void> {
  for (const inlined of (await allowed(() => planInlinedCalls(binary, fn, DEFAULT_LIMITS, secretNames([])))) ?? []) {
    if (isRefusal(inlined)) check(inlined.reason !== "", "no reason");
    else check(inlined.site.expected === "90", "a site that is no nop");
  }
  for (const call of (await allowed(() => binary.inlinedCalls(fn, 3))) ?? []) {
    const params = await allowed(() => binary.inlinedParams(fn, call));
    for (const { type } of params ?? []) readDeep(type, 3);
  }
}

/** Functions of the runtime that are inlined in every program. */
const INLINED = ["runtime.add", "runtime.acquirem", "runtime.(*mspan).base", "runtime.lock", "runtime.getMCache"];

/** Named types of the seed program and of the runtime. */
const TYPES = ["main.point", "*main.point", "main.speaker", "runtime.g", "runtime._type", "error", "map[string]int"];

/** Getters parse more of the file: nothing is found to be damaged before it is asked for. */
function readDeep(type: GoType | undefined, depth: number): void {
  if (type === undefined || depth === 0) return;
  check(typeof type.name === "string" && Number.isFinite(type.size), "a type without name or size");
  if (type.kind === "struct") for (const field of type.fields) readDeep(field.type, depth - 1);
  if (type.kind === "map") readDeep(type.key, depth - 1);
  if ("elem" in type) readDeep(type.elem, depth - 1);
}

function checkFunction(fn: GoFunction): void {
  check(
    Number.isSafeInteger(fn.entry) && Number.isSafeInteger(fn.end) && fn.entry <= fn.end,
    `function ${fn.entry} to ${fn.end}`,
  );
  check(Number.isSafeInteger(fn.line), `line ${fn.line}`);
}

/** The answer; undefined for a UserError, the one error that may come out. */
async function allowed<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof UserError) {
      check(error.what !== "" && error.why !== "" && error.remedy !== "", "an error without what, why or remedy");
      return undefined;
    }
    throw error;
  }
}
