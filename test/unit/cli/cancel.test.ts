/** Reading a large program ends when nobody wants it any more: by a signal, or when all who waited have given up. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { newJob } from "../../../src/engine/job.ts";
import { BinaryCache } from "../../../src/engine/programs/binaries.ts";
import { openLocalSource, type ProgramSource } from "../../../src/engine/programs/programFiles.ts";
import { until } from "../../until.ts";

const CLI = fileURLToPath(new URL("../../../src/cli/entry.ts", import.meta.url));
/** Of every Go installation, some 20 MB. */
const LARGE = realpathSync(join(execFileSync("go", ["env", "GOTOOLDIR"], { encoding: "utf8" }).trim(), "compile"));

for (const args of [
  ["list", "--binary", LARGE],
  ["inspect", "fmt.Fprintf", "--binary", LARGE],
  ["trace", "fmt.Fprintf", "--binary", LARGE],
]) {
  void test(`Ctrl-C while ${args[0]} reads a program ends it with 0`, async () => {
    const env = { ...process.env, PROBELENS_NO_CACHE: "1" };
    // What `list` prints is not read, so that it cannot come to its end.
    const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "exit");
    try {
      await until("the program is open", () => opens(child.pid ?? 0, LARGE));
      child.kill("SIGINT");
      assert.deepEqual(await ended, [0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  });
}

void test("a program that nobody waits for is read no further; somebody else who waits gets it", async () => {
  const cache = new BinaryCache();
  const given = new AbortController();
  const source = await watched((count) => count === 3 && given.abort());
  await assert.rejects(cache.acquire(newJob({ signal: given.signal }), source), { name: "AbortError" });
  assert.equal(source.reads, 3);
  assert.ok(source.closed);

  const [early, late] = [new AbortController(), new AbortController()];
  const shared = await watched((count) => count === 3 && early.abort());
  const same = await watched(() => {});
  const gone = assert.rejects(cache.acquire(newJob({ signal: early.signal }), shared), { name: "AbortError" });
  const handle = await cache.acquire(newJob({ signal: late.signal }), same);
  await gone;
  assert.ok((await handle.binary.functionsNamed("main.main")).length > 0);
  assert.ok(!shared.closed);
  handle.release();
  await cache.closeAll();
  assert.ok(shared.closed);
});

interface Watched extends ProgramSource {
  reads: number;
  closed: boolean;
}

async function watched(onRead: (count: number) => unknown): Promise<Watched> {
  const source = await openLocalSource(LARGE, LARGE);
  const one: Watched = {
    name: source.name,
    size: source.size,
    identity: source.identity,
    inode: source.inode,
    reads: 0,
    closed: false,
    async read(offset, length) {
      onRead(++one.reads);
      return await source.read(offset, length);
    },
    async close() {
      one.closed = true;
      await source.close();
    },
  };
  return one;
}

function opens(pid: number, file: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === file);
  } catch {
    return false;
  }
}
