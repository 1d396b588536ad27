/** Closures on the stack, of which DWARF tells too little: the source tells the rest, where it is proved to be the program's. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { sourceTypesAt, withOwnSource, withSource } from "../../../src/engine/programs/sourceCompletion.ts";
import type { GoBinary } from "../../../src/gobinary/api.ts";
import { openFile } from "../gobinary/binaryFile.ts";

/** Outside the file, as closures that captured something are. */
const OBJECT = 0xc0_0000_0000;

const scratch = mkdtempSync(join(tmpdir(), "probelens-captured-"));
const repo = join(scratch, "repo");
const program = join(scratch, "program");

before(() => {
  const values = fileURLToPath(new URL("../../programs/values", import.meta.url));
  cpSync(values, repo, { recursive: true, filter: (path) => basename(path) !== "bin" });
  const git = (...words: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...words], { cwd: repo });
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "values");
  const env = { ...process.env, GOFLAGS: "", CGO_ENABLED: "0" };
  execFileSync("go", ["build", "-buildvcs=true", "-o", program, "."], { cwd: repo, env });
});
after(() => rmSync(scratch, { recursive: true }));

/** What the binary's closure holds: `-` is not known, `…`: there may be more. */
async function captured(binary: GoBinary, quickly?: boolean): Promise<string[]> {
  const resolver = await binary.valueResolver(quickly);
  const names = ["main.capturesUnread.func1", "main.capturesUnreadNumber.func1"];
  return await Promise.all(
    names.map(async (name) => {
      const [fn] = await binary.functionsNamed(name);
      const info = resolver.funcAt(fn!.entry, OBJECT);
      assert.ok("captured" in info, name);
      const shown = info.captured.map(({ name: own, type }) => `${own || "?"}${type.kind === "unknown" ? "-" : ""}`);
      return [...shown, ...(info.missing === undefined ? [] : ["…"])].join(" ");
    }),
  );
}

test("names and number of captured variables come from the source that is the program's, and from no other", async () => {
  const binary = await openFile(program);
  const [withGuess, complete] = [
    ["s ?-", "n …"],
    ["s n- p-", "n k-"],
  ];
  assert.deepEqual(await captured(binary), withGuess);
  assert.deepEqual(await captured(withOwnSource(binary)), complete);
  assert.deepEqual(await captured(withSource(binary, await sourceTypesAt(repo))), complete);
  // Its source is not opened for what only interfaces lead to.
  assert.deepEqual(await captured(withOwnSource(binary), true), withGuess);
  appendFileSync(join(repo, "funcs.go"), "\n// Changed since.\n");
  assert.deepEqual(await captured(withOwnSource(binary)), withGuess);
});
