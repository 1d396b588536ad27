/** `--source DIR` looks at a folder that somebody else has prepared: nothing that its version control names is run. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import type { SourcedBinary } from "../../../src/engine/programs/sourceCompletion.ts";
import { sourcePackageOf } from "../../../src/lsp/documents/sourcePackage.ts";
import { LIMIT_MS } from "../../until.ts";

const scratch = realpathSync(mkdtempSync(join(tmpdir(), "probelens-hostile-")));
const repo = join(scratch, "repo");
const program = join(scratch, "program");
/** One file for each command that was run. */
const ran = join(scratch, "ran");
const ENVIRONMENT = { ...process.env };

const FILES: Readonly<Record<string, string>> = {
  "go.mod": "module example.com/app\n\ngo 1.20\n",
  "main.go":
    "package main\n\n//go:noinline\nfunc pay(o order, n int) int { return o.amount * n }\n\nfunc main() { println(pay(order{3, 4}, 2)) }\n",
  "types.go": "package main\n\ntype order struct{ amount, discount int }\n",
  ".gitattributes": "* filter=evil diff=evil merge=evil\n",
};

/** Whatever git can be told to run, by what tells it. */
const COMMANDS: readonly [key: string, name: string][] = [
  ["filter.evil.clean", "clean"],
  ["filter.evil.smudge", "smudge"],
  ["filter.evil.process", "process"],
  ["diff.evil.textconv", "textconv"],
  ["diff.evil.command", "diff-command"],
  ["diff.external", "external-diff"],
  ["core.fsmonitor", "fsmonitor"],
  ["core.sshCommand", "ssh"],
  ["core.pager", "pager"],
  ["core.editor", "editor"],
  ["core.askPass", "askpass"],
  ["core.alternateRefsCommand", "alternate-refs"],
  ["credential.helper", "credential"],
  ["gpg.program", "gpg"],
  ["remote.origin.uploadpack", "uploadpack"],
];
const HOOKS = ["post-index-change", "fsmonitor-watchman", "reference-transaction", "post-checkout", "pre-auto-gc"];

before(() => {
  mkdirSync(repo);
  mkdirSync(ran);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(repo, name), text);
  git("init", "-q");
  git("add", "-A");
  git("-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "first");
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" };
  execFileSync("go", ["build", "-buildvcs=true", "-trimpath", "-ldflags=-s -w", "-o", program, "."], {
    cwd: repo,
    env,
  });
});
after(() => {
  restoreEnvironment();
  rmSync(scratch, { recursive: true, force: true });
});

test("nothing runs that the folder's version control names, and the source is still found to be the program's", async () => {
  for (const [key, name] of COMMANDS) git("config", key, script(join(scratch, name), name));
  git("config", "log.showSignature", "true");
  for (const hook of HOOKS) script(join(repo, ".git/hooks", hook), `hook ${hook}`);
  // Git looks into files whose times differ from the index.
  for (const name of Object.keys(FILES)) utimesSync(join(repo, name), 1, 1);
  assert.deepEqual(await look(), { match: "exact", ran: [] });
});

test("objects that are missing are not fetched", async () => {
  git("config", "core.repositoryFormatVersion", "1");
  git("config", "extensions.partialClone", "origin");
  git("config", "remote.origin.promisor", "true");
  for (const url of ["ssh://example.invalid/x", `ext::${script(join(scratch, "ext"), "ext")}`, `file://${scratch}/x`]) {
    git("config", "remote.origin.url", url);
    git("config", "protocol.allow", "always");
    git("config", "protocol.ext.allow", "always");
    const objects = join(repo, ".git/objects");
    for (const entry of readdirSync(objects))
      if (/^[0-9a-f]{2}$/.test(entry)) rmSync(join(objects, entry), { recursive: true });
    assert.deepEqual(await look(), { match: "unknown", ran: [] }, url);
  }
});

test("neither does the environment name what is run, nor does a folder of PATH stand for another", async () => {
  script(join(repo, "git"), "git of the folder");
  script(join(repo, "go"), "go of the folder");
  Object.assign(process.env, {
    PATH: `.:${ENVIRONMENT["PATH"]}`,
    GIT_EXTERNAL_DIFF: script(join(scratch, "env-diff"), "GIT_EXTERNAL_DIFF"),
    GIT_SSH_COMMAND: script(join(scratch, "env-ssh"), "GIT_SSH_COMMAND"),
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.fsmonitor",
    GIT_CONFIG_VALUE_0: script(join(scratch, "env-fsmonitor"), "GIT_CONFIG_VALUE_0"),
    GIT_TRACE: join(ran, "GIT_TRACE"),
  });
  assert.deepEqual((await look()).ran, []);
  restoreEnvironment();
});

test("pipes and devices among the source hold nothing up", async () => {
  const folder = join(scratch, "pipes");
  const cli = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
  // Whoever opens such a pipe cannot be ended but by SIGKILL.
  const options = { encoding: "utf8", timeout: LIMIT_MS, killSignal: "SIGKILL" } as const;
  for (const [name, type] of [
    ["beside.go", "pipe"],
    ["beside.go", "device"],
    ["go.mod", "pipe"],
    ["go.mod", "device"],
    ["go.work", "pipe"],
    ["vendor", "pipe"],
    [".git", "pipe"],
  ] as const) {
    mkdirSync(folder);
    for (const [file, text] of Object.entries(FILES)) writeFileSync(join(folder, file), text);
    rmSync(join(folder, name), { force: true });
    if (type === "pipe") execFileSync("mkfifo", [join(folder, name)]);
    else symlinkSync("/dev/zero", join(folder, name));
    const list = [cli, "list", "main.pay", "--binary", program, "--source", folder];
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, list, options);
    assert.deepEqual([status, signal], [0, null], `${name}, a ${type}: ${stderr}`);
    const listed = name === "beside.go" ? /not traceable: .*beside\.go cannot be read/ : /\(o main\.order, n int\) int/;
    assert.match(stdout, listed, `${name}, a ${type}`);
    assert.equal((await sourcePackageOf(join(folder, "main.go"))).module === undefined, name === "go.mod");
    rmSync(folder, { recursive: true });
  }
});

async function look(): Promise<{ match: string; ran: string[] }> {
  for (const name of readdirSync(ran)) rmSync(join(ran, name));
  const engine = createEngine({ source: repo });
  try {
    const binary: SourcedBinary = await engine.openFile(newJob(), program);
    const [fn] = await binary.functionsNamed("main.pay");
    await binary.signature(fn!);
    const { kind } = await binary.sourceMatch!(fn!);
    return { match: kind, ran: readdirSync(ran) };
  } finally {
    await engine.dispose();
  }
}

/** Leaves a file that names it, so that a test sees that it was run. */
function script(path: string, name: string): string {
  writeFileSync(path, `#!/bin/sh\n: > '${join(ran, name)}'\nexit 1\n`);
  chmodSync(path, 0o755);
  return path;
}

function git(...words: string[]): void {
  execFileSync("git", words, { cwd: repo });
}

function restoreEnvironment(): void {
  for (const name of Object.keys(process.env)) if (!(name in ENVIRONMENT)) delete process.env[name];
  Object.assign(process.env, ENVIRONMENT);
}
