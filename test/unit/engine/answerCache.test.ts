/** Stored answers: found again, bound to the file's content, never believed when damaged or not our own. */
import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AnswerCache, cacheHome } from "../../../src/engine/programs/answerCache.ts";

/** The cache does not believe in files that changed a moment ago. */
const SETTLED_MS = 2100;

let scratch: string;
let binary: string;
let cache: AnswerCache;
const dir = (): string => join(scratch, "index");
const entries = (): string[] => readdirSync(dir()).filter((name) => !name.startsWith("."));

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "probelens-cache-"));
  binary = join(scratch, "program");
  cache = new AnswerCache({ dir: dir(), program: "one" });
  writeFileSync(binary, Buffer.alloc(300_000, 7));
  await settled(binary);
});
after(() => rmSync(scratch, { recursive: true }));

async function store(answer: string): Promise<void> {
  const asked = await cache.ask(binary, "q");
  assert.ok(asked !== undefined);
  await cache.put(asked, answer);
}

async function stored(other: Partial<{ cache: AnswerCache; question: string; file: string }> = {}): Promise<unknown> {
  const from = other.cache ?? cache;
  const asked = await from.ask(other.file ?? binary, other.question ?? "q");
  return asked === undefined ? "not asked" : await from.get(asked);
}

/** Waits until the file's ctime is old enough. */
async function settled(path: string): Promise<void> {
  while (Date.now() - statSync(path).ctimeMs < SETTLED_MS) await new Promise((resolve) => setTimeout(resolve, 50));
}

test("an answer is found again, private, and for this question, file and program only", async () => {
  assert.equal(await stored(), undefined);
  await store("line one\nline two");
  assert.equal(await stored(), "line one\nline two");
  assert.equal(statSync(dir()).mode & 0o777, 0o700);
  assert.equal(statSync(join(dir(), entries()[0] ?? "")).mode & 0o777, 0o600);
  assert.equal(await stored({ question: "other" }), undefined);
  assert.equal(await stored({ cache: new AnswerCache({ dir: dir(), program: "two" }) }), undefined);
  assert.equal(await stored({ file: scratch }), "not asked");
  assert.equal(await stored({ file: join(scratch, "missing") }), "not asked");
});

test("damaged, cut and foreign entries are not believed; a new answer replaces them", async () => {
  const path = join(dir(), entries()[0] ?? "");
  const good = readFileSync(path);
  const flipped = Buffer.from(good);
  flipped[flipped.length - 3]! ^= 1;
  for (const bad of [
    flipped,
    good.subarray(0, good.length - 1),
    good.subarray(0, 5),
    Buffer.alloc(0),
    Buffer.alloc(2 << 20),
  ]) {
    writeFileSync(path, bad, { mode: 0o600 });
    assert.equal(await stored(), undefined);
    assert.deepEqual(entries(), [], "removed");
    await store("again");
    assert.equal(await stored(), "again");
  }
  chmodSync(path, 0o622);
  assert.equal(await stored(), undefined, "others may write it");
  chmodSync(path, 0o600);
  chmodSync(dir(), 0o777);
  assert.equal(await stored(), undefined, "others may write its folder");
  chmodSync(dir(), 0o700);
  assert.equal(await stored(), "again");
});

test("an answer that was also taken from another file goes with that file's state", async () => {
  const debug = join(scratch, "program.debug");
  writeFileSync(debug, "debug");
  const early = await cache.ask(binary, "d");
  assert.ok(early !== undefined);
  await cache.put(early, "of a file that may have changed since", [debug]);
  assert.equal(await stored({ question: "d" }), undefined);
  await settled(debug);
  const asked = await cache.ask(binary, "d");
  assert.ok(asked !== undefined);
  await cache.put(asked, "with\ndebug file", [debug]);
  assert.equal(await stored({ question: "d" }), "with\ndebug file");
  writeFileSync(debug, "other");
  assert.equal(await stored({ question: "d" }), undefined);
  await settled(debug);
  const again = await cache.ask(binary, "d");
  assert.ok(again !== undefined);
  await cache.put(again, "with debug file", [debug]);
  rmSync(debug);
  assert.equal(await stored({ question: "d" }), undefined);
});

test("other content of the same size, time and inode is another file", async () => {
  const { atime, mtime, ino } = statSync(binary);
  const asked = await cache.ask(binary, "q");
  assert.ok(asked !== undefined);
  const bytes = readFileSync(binary);
  bytes[150_000] = 8;
  writeFileSync(binary, bytes);
  utimesSync(binary, atime, mtime);
  assert.equal(statSync(binary).ino, ino);
  assert.equal(await stored(), "not asked", "changed a moment ago");
  await cache.put(asked, "of the old content");
  await settled(binary);
  assert.equal(await stored(), undefined);
});

test("a link in the cache's place leads nowhere, and no file that is not the cache's is ever removed", async () => {
  // Root's, where somebody else's HOME is kept by sudo: more files than the cache has room for.
  const others = join(scratch, "others");
  mkdirSync(others);
  const names = Array.from({ length: 300 }, (_, index) => `file${index}`);
  for (const name of names) writeFileSync(join(others, name), "");
  const linked = join(scratch, "linked");
  const base = join(scratch, "base");
  mkdirSync(base);
  symlinkSync(others, join(base, "index"));
  symlinkSync(scratch, linked);
  for (const place of [join(base, "index"), join(linked, "others"), others]) {
    const there = new AnswerCache({ dir: place, program: "one" });
    const asked = await there.ask(binary, "q");
    assert.ok(asked !== undefined);
    await there.put(asked, "answer");
    assert.equal(await there.get(asked), place === others ? "answer" : undefined, place);
  }
  const left = readdirSync(others).filter((name) => !name.endsWith(".answer"));
  assert.deepEqual(left.toSorted(), names.toSorted());
});

test("a folder in which nothing can be made stores nothing, at once", async () => {
  for (const place of ["/proc", "/dev/null"]) {
    const nowhere = new AnswerCache({ dir: join(place, "probelens/index"), program: "one" });
    const asked = await nowhere.ask(binary, "q");
    assert.ok(asked !== undefined);
    await nowhere.put(asked, "answer");
    assert.equal(await nowhere.get(asked), undefined);
  }
});

// The XDG Base Directory Specification: relative paths are invalid and ignored. `/usr` stands for a home that exists.
const CACHE_HOMES: [cacheHome: string | undefined, home: string, expected: string | undefined][] = [
  [undefined, "/usr", "/usr/.cache"],
  ["", "/usr", "/usr/.cache"],
  ["/c", "relative", "/c"],
  ["c", "/usr", "/usr/.cache"],
  [undefined, "relative", undefined],
  ["c", ".", undefined],
  [undefined, "", undefined],
  [undefined, "/nonexistent", undefined],
  ["/c", "/nonexistent", "/c"],
];
for (const [base, home, expected] of CACHE_HOMES) {
  test(`with XDG_CACHE_HOME ${base ?? "unset"} and HOME ${JSON.stringify(home)} caches are at ${expected ?? "no place"}`, () => {
    const own = ["XDG_CACHE_HOME", "HOME"].map((name) => [name, process.env[name]] as const);
    try {
      set("HOME", home);
      set("XDG_CACHE_HOME", base);
      assert.equal(cacheHome(), expected);
    } finally {
      for (const [name, value] of own) set(name, value);
    }
  });
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
