/** What function literals capture, from their source, against the closure objects that real compilers make of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { GoFunction } from "../../../src/gobinary/api.ts";
import { minorVersion } from "../../../src/gosource/packages/buildTags.ts";
import { buildGo } from "../../programs/build.ts";
import { openFile, sourceTypesFor } from "./helpers.ts";

/** Outside the file, as closures that captured something are. */
const OBJECT = 0xc0_0000_0000;
const LITERAL = /^main\..*\.func\d+(?:\.\d+)*$/;

/** Up to Go 1.20 the object's type has the names, since 1.23 DWARF, which lists all of what is not optimised. */
const BUILDS = [
  ["captured", ["go1.15.15"]],
  ["captured", ["go1.18.10"]],
  ["captured", ["go1.20.14"]],
  ["captured", ["go1.23.12", "-gcflags=-N -l"]],
  ["captured", ["installed", "-gcflags=-N -l"]],
  ["captured", ["go1.27.4", "-gcflags=-N -l"]],
  ["values", ["go1.27.4", "-gcflags=-N -l"]],
  ["context", ["installed", "-gcflags=-N -l"]],
] as const;

/** Of the program's literals, at least so many are told of. */
const MIN_TOLD: Readonly<Record<string, number>> = { captured: 30, values: 10, context: 3 };

/** Older compilers meet the variables in another order; the object's type has their names there. */
const ORDERED_SINCE = 20;

for (const [program, [toolchain, ...flags]] of BUILDS)
  test(`${program}, ${[toolchain, ...flags].join(" ")}: captured variables in the order of the object`, async () => {
    const binary = await openFile(buildGo(program, toolchain, ...flags));
    const source = await sourceTypesFor(fileURLToPath(new URL(`../../programs/${program}`, import.meta.url)));
    const literals: GoFunction[] = (await binary.functions()).filter(({ name }) => LITERAL.test(name));
    const names = await source.capturedNames(literals, binary.buildInfo);
    const resolver = await binary.valueResolver();
    let told = 0;
    for (const { name, entry } of literals) {
      const info = resolver.funcAt(entry, OBJECT);
      assert.ok("captured" in info, name);
      const own = names.get(entry)?.names.map((variable) => variable.name);
      const known = info.captured.map((variable) => variable.name);
      if (own === undefined || known.length === 0 || known.includes("")) continue;
      told += 1;
      const isOrdered = minorVersion(binary.buildInfo.goVersion) >= ORDERED_SINCE;
      assert.deepEqual(isOrdered ? own : own.toSorted(), isOrdered ? known : known.toSorted(), name);
    }
    assert.ok(told >= MIN_TOLD[program]!, `${told} literals of ${literals.length}`);
  });
