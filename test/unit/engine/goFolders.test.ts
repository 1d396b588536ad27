/** Folders that Go's variables name: absolute ones only. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { goFolders } from "../../../src/engine/programs/sourceCompletion.ts";

const USUAL = ["/usr/local/go", "/usr/lib/go"];
const ENVIRONMENTS: [env: Record<string, string>, expected: ReturnType<typeof goFolders>][] = [
  [{}, { goroot: USUAL, gopath: [] }],
  [
    { GOROOT: "/opt/go", GOMODCACHE: "/m", GOPATH: "/a:/b" },
    { goroot: ["/opt/go", ...USUAL], gomodcache: "/m", gopath: ["/a", "/b"] },
  ],
  [{ GOROOT: "/usr/lib/go" }, { goroot: ["/usr/lib/go", "/usr/local/go"], gopath: [] }],
  // A go command that was built with -trimpath may know no GOROOT.
  [
    { GOROOT: "", GOMODCACHE: "m", GOPATH: "a:/b:" },
    { goroot: USUAL, gopath: ["/b"] },
  ],
];
for (const [env, expected] of ENVIRONMENTS) {
  test(`the environment ${JSON.stringify(env)} names ${JSON.stringify(expected)}`, () => {
    assert.deepEqual(goFolders(env), expected);
  });
}
