/** Linker names, taken apart and put together; every reader of names goes through the same two functions. */
import assert from "node:assert/strict";
import test from "node:test";
import { nearMisses } from "../../../src/engine/plan/patterns.ts";
import { shortTypeName } from "../../../src/gobinary/debuginfo/names.ts";
import {
  escapePackagePath,
  joinLinkName,
  splitLinkName,
  unescapeLinkName,
  withoutTypeArgs,
} from "../../../src/goname/linkName.ts";
import { parseSymbolName } from "../../../src/goname/symbolName.ts";
import { splitLinkerName } from "../../../src/lsp/documents/matchBinary.ts";

const PATHS = ["net/http", "gopkg.in/yaml.v3", "example.com/café", "example.com/日本語.v2", 'a/b"%', "main"];

test("a package path survives the linker's escaping, whoever undoes it", () => {
  for (const path of PATHS) {
    const name = joinLinkName(escapePackagePath(path), "(*Box[go.shape.struct { X net/url.URL }]).Get");
    assert.equal(unescapeLinkName(splitLinkName(name)?.linkPath ?? ""), path);
    assert.equal(parseSymbolName(name)?.packagePath, path);
    assert.deepEqual(splitLinkerName(name), { package: path, local: "(*Box).Get" });
  }
});

test("letters beyond ASCII in package paths are whole letters everywhere", () => {
  const escaped = "example.com/caf%c3%a9";
  assert.equal(
    shortTypeName(`*${escaped}.T`, () => undefined),
    "*café.T",
  );
  const fn = { name: `${escaped}.Run`, entry: 0, end: 0, offset: 0, file: "", line: 0, convention: "stack" as const };
  assert.deepEqual(nearMisses("café.Run", [fn]), [fn.name]);
});

test("escapes that are no UTF-8 stay as they are", () => {
  for (const name of ["a%ff.F", "a%c3.F", "a%zz.F", "a%.F"]) assert.equal(unescapeLinkName(name), name);
});

test("names without a package have no path", () => {
  for (const name of ["int", "memcpy", ".F", "[]int"]) assert.equal(splitLinkName(name), undefined);
  assert.equal(withoutTypeArgs("main.Map[go.shape.int,main.P[int]].Get"), "main.Map.Get");
});
