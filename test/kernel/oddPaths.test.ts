/** A program whose path is no UTF-8 and holds a line end: it is usable, and printed so that it can be used again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { Child, CLI, eventsOf } from "./cliProcess.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "probelens-paths-")));
after(() => rmSync(folder, { recursive: true }));

/** As bash reads it; Node's own arguments are UTF-8. */
const ODD = `${folder}/$'app\\xff\\nname'`;
const shell = (line: string): Child => new Child("bash", ["-c", `exec ${line}`]);
const cli = (words: string): Child => shell(`${process.execPath} ${CLI} ${words}`);

test("it is listed, traced by its path and by its process, and named as bash reads it", async () => {
  copyFileSync(buildGo("calls"), join(folder, "calls"));
  execFileSync("bash", ["-c", `mv ${folder}/calls ${ODD}`]);
  const target = shell(ODD);
  await target.says("ready");

  const targets = cli("targets");
  assert.equal(await targets.status(), 0, targets.stderr);
  const row = targets.stdout.split("\n").find((line) => line.startsWith(`${target.pid} `));
  assert.ok(row?.endsWith(`$'${folder}/app\\xff\\nname'`), targets.stdout);

  for (const where of [`--binary ${ODD}`, `--pid ${target.pid}`]) {
    const tracer = cli(`trace main.work ${where} --limit 1 --format jsonl`);
    await tracer.complains("attached to");
    await target.command("work 3");
    assert.equal(await tracer.status(), 0, tracer.stderr);
    assert.equal(eventsOf(tracer.stdout).calls.length, 1);
    assert.doesNotMatch(tracer.stderr, /no process/);
  }

  const inspected = cli(`inspect main.nowhere --binary ${ODD}`);
  assert.equal(await inspected.status(), 1);
  assert.ok(inspected.stderr.includes(`$'${folder}/app\\xff\\nname' has no function`), inspected.stderr);
});
