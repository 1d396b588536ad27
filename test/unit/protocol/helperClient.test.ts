/** What a request is told when the helper is gone, whichever of its two pipes says so first. */
import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { encodeRecordsHeader } from "../../../src/protocol/frames.ts";
import { TAKEN_STEP_BYTES } from "../../../src/protocol/helperApi.ts";
import { connectHelper } from "../../../src/protocol/helperClient.ts";
import { until } from "../../until.ts";

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

test("records that arrive and are taken behind the end are no defect", async () => {
  const stdout = new PassThrough();
  const stdin = new PassThrough();
  let batches = 0;
  const client = connectHelper(stdout, stdin, {
    onRecords: (batch, session) => {
      batches++;
      client.taken(session, batch.length);
    },
    onTargetEnded: () => {},
    onClose: () => {},
  });
  client.dispose();
  const header = encodeRecordsHeader(1, TAKEN_STEP_BYTES);
  stdout.write(Buffer.concat([header, Buffer.alloc(TAKEN_STEP_BYTES)]));
  await until("they have arrived", () => batches === 1);
  stdin.resume();
  await finished(stdin);
});
