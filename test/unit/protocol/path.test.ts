/** Paths of any bytes: as text and back, and for a shell to read again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { decodePath, encodePath, quotedPath } from "../../../src/protocol/path.ts";

const PATHS: readonly (readonly [bytes: Buffer, text: string, shown: string])[] = [
  [Buffer.from("/srv/app"), "/srv/app", "/srv/app"],
  [Buffer.from("/srv/café 😀"), "/srv/café 😀", "/srv/café 😀"],
  [Buffer.from("/srv/\xff\xfeapp", "latin1"), "/srv/\udcff\udcfeapp", "$'/srv/\\xff\\xfeapp'"],
  [Buffer.from("/srv/é\n'\\\t\x01"), "/srv/é\n'\\\t\x01", "$'/srv/é\\n\\'\\\\\\t\\x01'"],
  // The beginning of a character, a surrogate in UTF-8, and an overlong form are no UTF-8.
  [
    Buffer.from("\xc3/\xed\xb2\x80/\xc0\xaf", "latin1"),
    "\udcc3/\udced\udcb2\udc80/\udcc0\udcaf",
    "$'\\xc3/\\xed\\xb2\\x80/\\xc0\\xaf'",
  ],
  // A byte order mark is part of a name.
  [Buffer.from("\ufeffa"), "\ufeffa", "\ufeffa"],
];

for (const [bytes, text, shown] of PATHS) {
  test(`${bytes.toString("hex")} is ${shown}`, () => {
    assert.equal(decodePath(bytes), text);
    assert.deepEqual(Buffer.from(encodePath(text)), bytes);
    assert.equal(quotedPath(text), shown);
    if (shown.startsWith("$")) {
      const read = execFileSync("bash", ["-c", `printf %s ${shown}`], { encoding: "buffer" });
      assert.deepEqual(read, bytes);
    }
  });
}
