/** A program whose path is no UTF-8 and holds a line end: it is usable, and printed so that it can be used again. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { buildGo } from "../programs/build.ts";
import { until } from "../until.ts";
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

test("-- CMD gets its words and variables byte for byte, and --output writes the file that was named", async () => {
  copyFileSync(buildGo("calls"), join(folder, "calls"));
  execFileSync("bash", ["-c", `mv ${folder}/calls ${ODD}`]);
  const words = `$'a\\xff%s\\\\b\\n' "it's" 'work 1' $'\\xc3\\xa9'`;
  const traced = shell(
    `env WEIRD=$'b\\xfe\\n' ${process.execPath} ${CLI} trace main.work --output ${folder}/$'out\\xff' -- ${ODD} ${words}`,
  );
  await traced.complains("done work");
  const output = Buffer.from(`${folder}/out\xff`, "latin1");
  const pid = await until("the call", () => /\[(\d+) g1\] main\.work/.exec(readFileSync(output, "utf8"))?.[1]);
  const file = (name: string) => readFileSync(`/proc/${pid}/${name}`, "latin1").split("\0");
  assert.deepEqual(file("cmdline").slice(1, -1), ["a\xff%s\\b\n", "it's", "work 1", "\xc3\xa9"]);
  assert.ok(file("environ").includes("WEIRD=b\xfe\n"));
  traced.send("exit 3");
  assert.equal(await traced.status(), 3, traced.stderr);
  assert.equal(readdirSync(folder).length, 2);
});
