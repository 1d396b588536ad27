/** What a request is told when the helper is gone, whichever of its two pipes says so first. */
import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { connectHelper } from "../../../src/protocol/helperClient.ts";

for (const code of ["EPIPE", "ECONNRESET"]) {
  test(`a helper that does not read any more has ended (${code}), and that is no defect`, async () => {
    // Its output still stands open: the end of that is told later.
    const stdout = new PassThrough();
    const stdin = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error(`write ${code}`), { code })),
    });
    const client = connectHelper(stdout, stdin, { onRecords: () => {}, onTargetEnded: () => {}, onClose: () => {} });
    const error = await client.listProcesses().then(
      () => assert.fail("it was answered"),
      (reason: unknown) => reason,
    );
    client.dispose();
    assert.ok(error instanceof UserError);
    assert.deepEqual([error.code, error.why], ["helper-died", "it has ended"]);
  });
}
