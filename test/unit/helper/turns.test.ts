/** Batches of several sessions on one stream. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Turns } from "../../../helper/turns.ts";

test("one batch at a time, each session in its turn, and each told of its own", () => {
  const written: { session: number; done: (error?: Error | null) => void }[] = [];
  const turns = new Turns((session, _batch, done) => written.push({ session, done }));
  const told: [number, boolean][] = [];
  const send = (session: number, again: number): void =>
    turns.send(session, new Uint8Array(8), (error) => {
      told.push([session, error === undefined]);
      if (again > 0) send(session, again - 1);
    });
  send(1, 2);
  send(2, 1);
  send(3, 0);
  for (let at = 0; at < 6; at++) {
    assert.equal(written.length, at + 1, "the next one waits for its turn");
    written[at]!.done(at === 2 ? new Error("broken") : undefined);
  }
  assert.deepEqual(
    written.map(({ session }) => session),
    [1, 2, 3, 1, 2, 1],
  );
  assert.deepEqual(told, [
    [1, true],
    [2, true],
    [3, false],
    [1, true],
    [2, true],
    [1, true],
  ]);
  turns.send(9, new Uint8Array(8), () => {});
  assert.equal(written.at(-1)?.session, 9);
});
