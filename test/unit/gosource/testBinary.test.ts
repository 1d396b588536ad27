/** Stripped test binaries with source: `_test.go` files and `_test` packages belong to their build, and to no other. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "probelens-testbinary-")));
const engine = createEngine({ source: folder });
after(async () => {
  await engine.dispose();
  rmSync(folder, { recursive: true });
});

const FILES: Readonly<Record<string, string>> = {
  "go.mod": "module example.com/app\n\ngo 1.20\n",
  "shop/shop.go":
    "package shop\n\ntype Order struct{ Amount int }\n\n//go:noinline\nfunc Pay(o *Order) int { return o.Amount }\n",
  "shop/helpers_linux_test.go":
    "package shop\n\ntype basket []Order\n\n//go:noinline\nfunc fill(b basket, n int) int { return len(b) + n }\n",
  "shop/shop_test.go":
    'package shop\n\nimport "testing"\n\nfunc TestPay(t *testing.T) { println(Pay(&Order{3}), fill(nil, 2)) }\n',
  // Like the package's own helper, but another type.
  "shop/outside_test.go":
    'package shop_test\n\nimport (\n\t"testing"\n\n\t"example.com/app/shop"\n)\n\ntype basket map[string]shop.Order\n\n//go:noinline\nfunc fill(b basket, o *shop.Order) int { return len(b) + o.Amount }\n\nfunc TestOutside(t *testing.T) { println(fill(nil, &shop.Order{})) }\n',
  "shop/other_windows_test.go": "package shop\n\nfunc fill(b basket) {}\n",
  "main.go": 'package main\n\nimport "example.com/app/shop"\n\nfunc main() { println(shop.Pay(&shop.Order{})) }\n',
};

const PROGRAMS: readonly (readonly [name: string, command: readonly string[]])[] = [
  ["shop.test", ["test", "-c", "./shop"]],
  ["app", ["build", "."]],
];

before(() => {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const env = { ...process.env, GOFLAGS: "-mod=mod", CGO_ENABLED: "0" };
  for (const [name, [verb = "", ...rest]] of PROGRAMS) {
    execFileSync("go", [verb, "-ldflags=-s -w", "-o", join(folder, name), ...rest], { cwd: folder, env });
  }
});

const SIGNATURES: readonly (readonly [program: string, fn: string, signature: RegExp])[] = [
  ["shop.test", "example.com/app/shop.Pay", /^o \*shop\.Order$/],
  ["shop.test", "example.com/app/shop.fill", /^b shop\.basket, n int$/],
  ["shop.test", "example.com/app/shop.TestPay", /^t \*testing\.T$/],
  ["shop.test", "example.com/app/shop_test.fill", /^b shop_test\.basket, o \*shop\.Order$/],
  ["shop.test", "example.com/app/shop_test.TestOutside", /^t \*testing\.T$/],
  ["app", "example.com/app/shop.Pay", /^o \*shop\.Order$/],
];

test("functions of test files have the signatures that their files give them", async () => {
  for (const [program, name, expected] of SIGNATURES) {
    const binary = await engine.openFile(newJob(), join(folder, program));
    const [fn] = await binary.functionsNamed(name);
    assert.ok(fn !== undefined, name);
    const found = await binary.signature(fn);
    const text = found.ok
      ? found.signature.params.map((param) => `${param.name} ${param.type.name}`).join(", ")
      : found.reason;
    assert.match(text, expected, name);
  }
});
