/** Pointer types that have names: no link of the runtime's leads to their descriptors, and interfaces hold them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { buildValues } from "../../values/build.ts";
import { openFile } from "./binaryFile.ts";

/** Defined in test/programs/values. */
const NAMED = { "main.Link": "main.Point", "main.Text": "string" };

for (const version of ["1.15.15", "1.20.14", "1.27.4"])
  for (const mode of ["default", "pie", "strip"])
    test(`go${version} ${mode}: types of named pointers in interfaces`, async () => {
      const binary = await openFile((await buildValues(version, mode, "package main\n")).file);
      const types = (await binary.typeData())?.runtimeTypes() ?? [];
      const found = new Map([...types].map(({ type, direct }) => [type.name, { type, direct }]));
      for (const [name, elem] of Object.entries(NAMED)) {
        const named = found.get(name);
        assert.ok(named?.type.kind === "ptr", `${name} is found`);
        assert.equal(named.type.elem.name, elem);
        assert.ok(named.direct, `an interface holds a ${name} itself`);
      }
    });
