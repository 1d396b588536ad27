import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReaderState, StreamFlow } from "../../../../src/engine/helper/streamFlow.ts";

const [a, b] = [{ name: "a" }, { name: "b" }];

/** Each step and whether the stream is read after it. */
function run(...steps: (readonly [what: object | "end" | "ended", state: ReaderState | "", reading: boolean])[]): void {
  const calls: string[] = [];
  let reading = true;
  const flow = new StreamFlow({
    pause: () => {
      calls.push("pause");
      reading = false;
    },
    resume: () => {
      calls.push("resume");
      reading = true;
    },
  });
  let done = (): void => {};
  for (const [index, [what, state, expected]] of steps.entries()) {
    if (what === "end") done = flow.readToEnd();
    else if (what === "ended") done();
    else if (state !== "") flow.set(what, state);
    assert.equal(reading, expected, `after step ${index + 1}`);
  }
  // Never the same one twice in a row.
  assert.ok(calls.every((call, index) => call !== calls[index - 1]));
}

test("the stream rests while anybody waits, however often the other one goes on", () => {
  run([a, "waiting", false], [b, "waiting", false], [b, "ready", false], [b, "ready", false], [a, "ready", true]);
});

test("one who waits twice has to go on once", () => {
  run([a, "waiting", false], [a, "waiting", false], [a, "ready", true]);
});

test("an end reads on over those who wait, not over one who is full", () => {
  run(
    [a, "waiting", false],
    ["end", "", true],
    [b, "waiting", true],
    [a, "full", false],
    [a, "waiting", true],
    ["ended", "", false],
    ["ended", "", false],
    [a, "ready", false],
    [b, "ready", true],
  );
});
