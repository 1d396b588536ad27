/** What root may not do is not mended by becoming root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileFailed } from "../../../helper/failures.ts";

for (const [uid, remedy] of [
  [0, /^Even root may not do this here/],
  [1000, /^Run as root or through sudo$/],
] as const)
  test(`user ${uid}`, (context) => {
    const { geteuid } = process;
    context.after(() => {
      if (geteuid !== undefined) process.geteuid = geteuid;
    });
    process.geteuid = () => uid;
    const error = Object.assign(new Error("EACCES"), { code: "EACCES" });
    assert.match(fileFailed("describing process 1", "/proc/1/exe", error).remedy, remedy);
  });
