/** A stripped program and a checkout of its source: what is said of each state of the checkout, and what is shown. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { functionRow, signatureText } from "../../../src/cli/functionRow.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import type { SourcedBinary } from "../../../src/engine/programs/sourceCompletion.ts";
import { matchText } from "../../../src/gosource/functions/match.ts";

const FILES: Readonly<Record<string, string>> = {
  "go.mod": "module example.com/app\n\ngo 1.20\n",
  "main.go":
    "package main\n\n//go:noinline\nfunc pay(o order, n int) int { return o.amount * n }\n\nfunc main() { println(pay(order{3, 4}, 2)) }\n",
  "types.go": "package main\n\ntype order struct{ amount, discount int }\n",
  ".gitignore": "made.go\n",
};
const scratch = realpathSync(mkdtempSync(join(tmpdir(), "probelens-match-")));
const repo = join(scratch, "repo");
const program = join(scratch, "program");

before(() => {
  mkdirSync(repo);
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(repo, name), text);
  git("init", "-q");
  commit("first");
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "" };
  const options = ["-buildvcs=true", "-trimpath", "-ldflags=-s -w"];
  execFileSync("go", ["build", ...options, "-o", program, "."], { cwd: repo, env });
});
after(() => rmSync(scratch, { recursive: true, force: true }));

const SHOWN = "(o main.order, n int) int";
const CASES: [state: string, change: () => void, match: RegExp, signature: string][] = [
  ["as it was built", () => {}, /^exact: the binary was built from this revision, [0-9a-f]{12}$/, SHOWN],
  [
    "another file changed and committed",
    () => {
      writeFileSync(join(repo, "other.go"), "package main\n");
      commit("second");
    },
    /^exact: the files have not changed since revision/,
    SHOWN,
  ],
  [
    "a field renamed",
    () => edit("types.go", "discount", "reserve"),
    /^different revision: .* since when .*types\.go has changed; the checkout has uncommitted changes/,
    "",
  ],
  [
    "a result's type changed and committed",
    () => {
      edit("main.go", ") int {", ") int64 {");
      commit("second");
    },
    /^different revision: .* since when .*main\.go has changed; the checkout is at/,
    "",
  ],
  [
    "lines before it",
    () => edit("main.go", "//go:", "// one\n// two\n//go:"),
    /^drifted: .* moved down by 2 lines/,
    "",
  ],
  ["another name", () => edit("main.go", "func pay", "func paid"), /^unknown: .*main\.go does not declare pay/, ""],
  [
    "a type that version control ignores",
    () => {
      git("mv", "types.go", "made.go");
      git("rm", "-q", "--cached", "made.go");
      commit("second");
    },
    /^unknown: name, file and line agree .*made\.go is not under version control/,
    SHOWN,
  ],
  ["no checkout", () => rmSync(join(repo, ".git"), { recursive: true }), /^unknown: .* is no checkout/, SHOWN],
];

test("each state of the checkout is told, and no types of another one are shown", async () => {
  for (const [state, change, match, signature] of CASES) {
    git("reset", "-q", "--hard", git("rev-list", "--max-parents=0", "HEAD").trim());
    rmSync(join(repo, "made.go"), { force: true });
    change();
    const engine = createEngine({ source: repo });
    try {
      const binary: SourcedBinary = await engine.openFile(newJob(), program);
      const [fn] = await binary.functionsNamed("main.pay");
      const row = await functionRow(binary, fn!);
      assert.match(matchText(await binary.sourceMatch!(fn!)), match, state);
      assert.equal(signatureText(row), signature, `${state}: ${row.why}`);
    } finally {
      await engine.dispose();
    }
  }
});

function edit(name: string, before: string, now: string): void {
  const path = join(repo, name);
  writeFileSync(path, readFileSync(path, "utf8").replace(before, now));
}

function commit(message: string): void {
  git("add", "-A");
  git("-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", message);
}

function git(...words: string[]): string {
  return execFileSync("git", words, { cwd: repo, encoding: "utf8" });
}
