/** The end of the output: a slow reader gets all of it; one that takes nothing is left, and that is said. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { beforeEach, mock, test } from "node:test";
import { Output } from "../../../src/cli/output.ts";

const LONG_MS = 2000;

/** A reader that takes one write each time it is told to. */
class Reader extends Writable {
  private done: (() => void) | undefined;
  taken = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.done = () => {
      this.taken += String(chunk);
      done();
    };
  }
  take(): void {
    this.done?.();
  }
}

let told: string[];
beforeEach(() => {
  told = [];
  mock.timers.reset();
  mock.restoreAll();
  mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  mock.method(process.stderr, "write", (text: string) => told.push(text));
});

function closing(): { reader: Reader; closed: () => boolean; end: Promise<void> } {
  const reader = new Reader();
  const output = Output.to(reader, "stdout");
  for (const line of ["a", "b", "c"]) void output.write(line);
  let over = false;
  const end = output.close().then(() => {
    over = true;
  });
  return { reader, closed: () => over, end };
}

test("a slow reader gets everything, however long it takes", async () => {
  const { reader, closed, end } = closing();
  for (const text of ["a", "ab", "abc"]) {
    assert.equal(closed(), false);
    reader.take();
    assert.equal(reader.taken, text);
    mock.timers.tick(LONG_MS);
    await Promise.resolve();
  }
  await end;
  assert.deepEqual(told, []);
});

test("a reader that takes nothing any more is left, and what is missing is said", async () => {
  const { reader, closed, end } = closing();
  reader.take();
  mock.timers.tick(LONG_MS);
  await Promise.resolve();
  assert.equal(closed(), false);
  mock.timers.tick(LONG_MS);
  await end;
  assert.equal(reader.taken, "a");
  assert.deepEqual(told, [
    "probelens: the reader of stdout does not read, or too slowly: the end of the output is missing\n",
  ]);
});

test("all who wait for a slow reader go on when it takes something", async () => {
  const reader = new Reader({ highWaterMark: 1 });
  const output = Output.to(reader, "stdout");
  const [first, second] = [output.write("a"), output.write("b")];
  reader.take();
  reader.take();
  await first;
  await second;
  assert.equal(reader.taken, "ab");
});

const NO_FILES: [name: string, why: string][] = [
  ["", "it is a directory"],
  [".", "it is a directory"],
  ["missing/", "its directory does not exist"],
  ["missing/x", "its directory does not exist"],
  ["file/", "a part of its path is not a directory"],
  ["file/x", "a part of its path is not a directory"],
];
for (const [name, why] of NO_FILES) {
  test(`--output of ${JSON.stringify(`dir/${name}`)} is refused: ${why}`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "probelens-output-"));
    try {
      writeFileSync(join(dir, "file"), "");
      await assert.rejects(Output.file(`${dir}/${name}`, "/proc/self/exe"), (error: Error) =>
        error.message.includes(`${why}. Give the path of a file in a directory that exists`),
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}

const SPECIAL: [make: (path: string) => void, words: string][] = [
  [
    (path) => execFileSync("mkfifo", [path]),
    "it is a socket, a pipe that nobody reads, or a device that is not there. Start what reads it first, or give the path of a file",
  ],
  [() => {}, "its name is too long. Give a shorter one"],
];
for (const [make, words] of SPECIAL) {
  test(`--output is refused with what to do: ${words}`, async () => {
    const dir = mkdtempSync(join(tmpdir(), "probelens-output-"));
    try {
      const path = join(dir, words.includes("too long") ? "x".repeat(300) : "x");
      make(path);
      await assert.rejects(Output.file(path, "/proc/self/exe"), (error: Error) => error.message.includes(words));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
}
