/**
 * Dictionaries of generic instances against two witnesses: the symbol table, whose names have the type arguments
 * (`main..dict.same[main.Count,int]`), and the order in which the compiler numbers types, which the source tells.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { sourceTypesAt } from "../../../src/engine/programs/sourceCompletion.ts";
import { fitsShape } from "../../../src/goabi/shaped.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import type { DictionaryData, GoBinary, GoFunction, Signature } from "../../../src/gobinary/api.ts";
import { splitArguments } from "../../../src/gobinary/runtime/typeArguments.ts";
import { buildGo } from "../../programs/build.ts";
import { openFile } from "./binaryFile.ts";

const SOURCE = fileURLToPath(new URL("../../programs/dictionaries", import.meta.url));
/** Both front ends, both kinds of names for shapes, types among other data and in a section of their own. */
const BUILDS = [
  ["1.18.10"],
  ["1.20.14", "-buildmode=pie"],
  ["1.22.12"],
  ["1.24.13", "-gcflags=-N -l"],
  ["1.27.4", "-buildmode=pie"],
] as const;
/** Parameters whose type is a type parameter: its number. */
const ARGUMENTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  one: { a: 0 },
  same: { k: 0, v: 1 },
  swapped: { k: 0, v: 1 },
};

for (const [version, ...flags] of BUILDS)
  describe(`dictionaries of go${version} ${flags.join(" ")}`, async () => {
    const path = buildGo("dictionaries", `go${version}`, ...flags);
    const binary = await openFile(path);
    const dictionaries = await binary.dictionaries();
    assert.ok(dictionaries);
    const symbols = dictionarySymbols(path);

    it("are all found without symbols", () => {
      const found = new Set(dictionaries.candidates);
      assert.ok(symbols.length > 40, `${symbols.length} symbols`);
      assert.deepEqual(
        symbols.filter(({ address }) => !found.has(address)).map(({ name }) => name),
        [],
      );
    });

    it("have the types that their symbols name", async () => {
      let compared = 0;
      for (const { address, name, args } of symbols) {
        const signature = await instanceFor(binary, `main.${name}[`, dictionaries, address);
        for (const [param, number] of Object.entries(ARGUMENTS[name] ?? {})) {
          const place = signature?.params.find((one) => one.name === param)?.type.inDictionary;
          assert.ok(place, `${name}[${args.join()}] ${param}`);
          const type = dictionaries.typeAt(address, place);
          // `%T` has the package's name, the symbol its path.
          assert.equal(type?.name, args[number]?.replaceAll("net/url.", "url."), `${name}[${args.join()}] ${param}`);
          compared++;
        }
      }
      assert.ok(compared > 30, `${compared} compared`);
    });

    it("have no types where they are not a function's", async () => {
      const [fn] = (await shapedFunctions(binary)).filter(({ name }) => name.startsWith("main.same["));
      const place = fn === undefined ? undefined : (await signatureOf(binary, fn))?.params.at(-1)?.type.inDictionary;
      assert.ok(place);
      for (const address of [0, 1, fn!.entry, 2 ** 46]) assert.equal(dictionaries.typeAt(address, place), undefined);
    });

    const minor = Number(version.split(".")[1]);
    it("have types in the order of the source", { skip: minor < 20 && "the order is that of Go 1.20" }, async () => {
      const source = await sourceTypesAt(SOURCE);
      const differences: string[] = [];
      let compared = 0;
      for (const fn of await shapedFunctions(binary)) {
        const own = await signatureOf(binary, fn);
        const read = await source.signature(fn, binary.buildInfo, binary);
        assert.ok(own && read.ok, fn.name);
        for (const { address } of symbols.filter(({ name }) => name === genericName(fn.name)))
          for (const [mine, its] of shapedPairs(own, read.signature)) {
            const wanted = mine.inDictionary && dictionaries.typeAt(address, mine.inDictionary);
            const found = its?.inDictionary && dictionaries.typeAt(address, its.inDictionary);
            compared++;
            if (wanted === undefined || wanted !== found)
              differences.push(`${fn.name} at ${address}: ${wanted?.name}, from the source ${found?.name}`);
          }
      }
      assert.deepEqual(differences, []);
      assert.ok(compared > 500, `${compared} compared`);
    });
  });

function dictionarySymbols(path: string): { address: number; name: string; args: readonly string[] }[] {
  const lines = execFileSync("nm", [path], { encoding: "utf8", maxBuffer: 1 << 28 }).split("\n");
  return lines.flatMap((line) => {
    const match = /^([0-9a-f]+) \w main\.\.dict\.(?:\(\*)?([^.[]+)\[(.*)\]/.exec(line);
    if (match === null) return [];
    const [, address = "", name = "", args = ""] = match;
    return [{ address: Number.parseInt(address, 16), name, args: splitArguments(args) }];
  });
}

/** `main.(*List[go.shape.int]).Add` → `List` */
function genericName(linkName: string): string {
  return /^main\.(?:\(\*)?([^.[]+)\[/.exec(linkName)?.[1] ?? "";
}

async function shapedFunctions(binary: GoBinary): Promise<GoFunction[]> {
  const all = await binary.functions();
  return all.filter(({ name }) => /^main\.[^.]*\[go\.shape\..*\](?:\)?\.\w+)?$/.test(name) && !/\.func\d/.test(name));
}

async function signatureOf(binary: GoBinary, fn: GoFunction): Promise<Signature | undefined> {
  const read = await binary.signature(fn);
  return read.ok ? read.signature : undefined;
}

/** Of the instance whose shapes are those of a dictionary's types. */
async function instanceFor(
  binary: GoBinary,
  prefix: string,
  dictionaries: DictionaryData,
  address: number,
): Promise<Signature | undefined> {
  for (const fn of (await shapedFunctions(binary)).filter(({ name }) => name.startsWith(prefix))) {
    const signature = await signatureOf(binary, fn);
    const fits = ({ type }: { type: GoType }): boolean => {
      const real = type.inDictionary && dictionaries.typeAt(address, type.inDictionary);
      return type.inDictionary === undefined || (real !== undefined && fitsShape(type, real));
    };
    if (signature !== undefined && [...signature.params, ...signature.results].every(fits)) return signature;
  }
  return undefined;
}

function* shapedPairs(own: Signature, read: Signature): Iterable<[GoType, GoType | undefined]> {
  for (const list of ["params", "results"] as const)
    for (const { name, type, blank } of own[list])
      if (!blank && type.inDictionary !== undefined)
        yield [type, read[list].find((variable) => variable.name === name)?.type];
}
