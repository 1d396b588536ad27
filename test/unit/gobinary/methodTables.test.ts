/** Methods of stripped programs without source, from the runtime's type data: each place is the one that DWARF proves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PlacedVariable } from "../../../src/gobinary/api.ts";
import { buildShapes } from "../../matrix/build.ts";
import { CI_VERSIONS, modeNamed } from "../../matrix/toolchains.ts";
import { openFile } from "./binaryFile.ts";

/** The fewest methods that a program of any version keeps types of: those of the runtime and of what it imports. */
const MIN_METHODS = 100;

for (const version of CI_VERSIONS) {
  test(`go${version}: methods whose types the linker kept`, async (t) => {
    const stripped = await openFile(await buildShapes(version, modeNamed("strip")));
    const twin = await openFile(await buildShapes(version, modeNamed("default")));
    const atEntry = new Map((await twin.functions()).map((fn) => [fn.entry, fn]));
    let compared = 0;
    for (const fn of await stripped.functions()) {
      const found = fn.notTraceable === undefined ? await stripped.signature(fn) : undefined;
      const other = atEntry.get(fn.entry);
      const witness = found?.ok === true && other !== undefined ? await twin.signature(other) : undefined;
      if (found?.ok !== true || witness?.ok !== true || !witness.signature.complete) continue;
      compared += 1;
      // DWARF leaves out blank receivers and a wrapper's results, and has its receiver as a plain word.
      const { params, results } = witness.signature;
      checkAll(params, found.signature.params, fn.name);
      checkAll(witness.signature.missingResults === undefined ? results : [], found.signature.results, fn.name);
    }
    t.diagnostic(`${compared} methods compared`);
    assert.ok(compared >= MIN_METHODS, `only ${compared} methods`);
  });
}

function checkAll(listed: readonly PlacedVariable[], all: readonly PlacedVariable[], name: string): void {
  const known = all.map(text);
  for (const variable of listed.filter(({ blank }) => !blank))
    assert.ok(known.includes(text(variable)), `${name}: ${text(variable)} is none of ${known.join(", ")}`);
}

function text({ type, location }: PlacedVariable): string {
  return `${type.name} ${type.size} ${JSON.stringify(location)}`;
}
