/** A signal ends the terminal front end at whatever moment it comes. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
import { childrenOf, codeOf, commandLine, holdersOf, liveCode, probelens, ROOT, startTarget } from "./cliProcess.ts";
import { isUntouched } from "./processCode.ts";

const path = buildGo("calls");
const target = startTarget(path);
after(() => target.end());

/** Milliseconds after the start: from Node's first to a trace that runs. */
const MOMENTS = Array.from({ length: 48 }, (_, index) => 30 + index * 10);

test("kill -9 in the first moments, hundreds of probes among them", async () => {
  await target.says("ready");
  const code = await codeOf(path, "main.work");
  for (const moment of MOMENTS.filter((_, index) => index % 3 === 2)) {
    const trace = probelens("trace", "main.*", "fmt.*", "reflect.*", "--returns", "--pid", String(target.pid));
    // The moment is the test, so passing time is what it takes.
    await new Promise((resolve) => setTimeout(resolve, 2 * moment));
    trace.process.kill("SIGKILL");
    await trace.status();
    await until(
      "helper and holder have ended, and the original bytes are back",
      () => ownHelpers().length === 0 && liveCode(target.pid, code) === code.original,
    );
  }
});

const THOUSANDS = ["main.*", "fmt.*", "reflect.*", "runtime.*", "--returns"];

test("a helper that is killed while it places probes is named, and how it ended", async () => {
  await target.says("ready");
  const trace = probelens("trace", ...THOUSANDS, "--pid", String(target.pid));
  const helper = await until("the helper", () => childrenOf(trace.pid, "helper")[0]);
  const holder = await until("the holder", () => holdersOf(helper)[0]);
  // So that the probes do not stand when the helper is killed.
  process.kill(holder, "SIGSTOP");
  process.kill(helper, "SIGKILL");
  assert.equal(await trace.status(), 1);
  assert.match(
    trace.stderr,
    new RegExp(`: the privileged helper \\(pid ${helper}\\) was killed by SIGKILL\\.\n.*start`),
  );
  process.kill(holder, "SIGCONT");
  await until("the end of what placed them", () => ownHelpers().length === 0);
  assert.ok(isUntouched(target.pid));
});

test("Ctrl-C while thousands of probes are placed: at the end all are gone, however long it takes", async () => {
  await target.says("ready");
  const trace = probelens("trace", ...THOUSANDS, "--pid", String(target.pid));
  const holder = await until("the holder", () => ownHolders(trace.pid)[0]);
  process.kill(holder, "SIGSTOP");
  trace.process.kill("SIGINT");
  await trace.complains("waiting until the probes are gone");
  process.kill(holder, "SIGCONT");
  assert.equal(await trace.status(), 0, trace.stderr);
  assert.ok(isUntouched(target.pid));
  assert.deepEqual(ownHelpers(), []);
});

function ownHolders(pid: number): number[] {
  return childrenOf(pid, "helper").flatMap(holdersOf);
}

/** Of this package: helpers by their script, holders by their program. */
function ownHelpers(): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return (
        commandLine(Number(pid)).includes(join(ROOT, "dist/helper.js")) ||
        readlinkSync(`/proc/${pid}/exe`).startsWith(join(ROOT, "dist/native/"))
      );
    } catch {
      return false;
    }
  });
}

test("Ctrl-C in the first moments", async () => {
  await target.says("ready");
  const code = await codeOf(path, "main.work");
  for (const moment of MOMENTS) {
    const trace = probelens("trace", "main.work", "--pid", String(target.pid));
    // The moment is the test, so passing time is what it takes.
    await new Promise((resolve) => setTimeout(resolve, moment));
    trace.process.kill("SIGINT");
    const status = await trace.status();
    // Before any JavaScript has run, the kernel's default is what happens.
    assert.ok(status === 0 || (status === "SIGINT" && trace.stderr === ""), `${moment} ms: ${status} ${trace.stderr}`);
    await until("the original bytes", () => liveCode(target.pid, code) === code.original);
  }
});
