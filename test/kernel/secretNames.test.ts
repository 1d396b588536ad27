/** `--secret`: what a user's own names hide, in every place that shows or tells a value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildGo } from "../programs/build.ts";
import { eventsOf, run } from "./cliProcess.ts";

interface Case {
  readonly program: string;
  readonly argv: readonly string[];
  readonly options: string;
  readonly secret: string;
  /** In what is printed without the option, and not with it. */
  readonly hidden: RegExp;
  readonly shown: RegExp;
}

const CASES: Readonly<Record<string, Case>> = {
  "parameters and fields": {
    program: "where",
    argv: ["run 20"],
    options: "main.work --returns --values",
    secret: "name,CITY",
    hidden: /"name","type":"string","text":""n|user3|Paris/,
    shown: /ID:3, Name:<redacted>.*City:<redacted>/,
  },
  results: {
    program: "where",
    argv: ["run 20"],
    options: "main.work --returns",
    secret: "sum",
    hidden: /"text":"38"/,
    shown: /"name":"sum","type":"int","text":"<redacted>"/,
  },
  labels: {
    program: "where",
    argv: ["labels 20"],
    options: "main.handle --labels",
    secret: "request-id",
    hidden: /"request_id":"\d/,
    shown: /"labels":\{"request_id":"<redacted>","user":"ann"\}/,
  },
  "keys of maps, and what is behind interfaces": {
    program: "capture",
    argv: [],
    options: "main.maps main.interfaces",
    secret: "k,zip",
    hidden: /"k":5|Zip:7/,
    shown: /Zip:<redacted>.*"k":<redacted>/s,
  },
  "what closures have captured": {
    program: "capture",
    argv: [],
    options: "main.funcs",
    secret: "home",
    hidden: /Bern/,
    shown: /home:<redacted>, sum:/,
  },
  "generic functions": {
    program: "dictionaries",
    argv: [],
    options: "main.same* main.Pair*.Flip",
    secret: "k,key",
    hidden: /"text":""k""|Key:"k"/,
    shown: /Key:<redacted>, Value:/,
  },
  "calls that were inlined": {
    program: "inlined",
    argv: [],
    options: `main.store --source ${fileURLToPath(new URL("../programs/inlined", import.meta.url))}`,
    secret: "a",
    hidden: /"name":"a","type":"int","text":"0"/,
    shown: /"name":"a","type":"int","text":"<redacted>"/,
  },
};

for (const [what, { program, argv, options, secret, hidden, shown }] of Object.entries(CASES)) {
  test(`hidden in ${what}`, async () => {
    const path = buildGo(program);
    const traced = async (...more: string[]): Promise<string> => {
      const trace = ["trace", ...options.split(" "), "--budget=off", ...more, "--format", "jsonl", "--", path, ...argv];
      const { status, stdout, stderr } = await run(...trace);
      assert.equal(status, 0, stderr);
      assert.ok(eventsOf(stdout).calls.length > 0);
      // Value text without JSON's backslashes.
      return stdout.replaceAll("\\", "");
    };
    assert.match(await traced(), hidden);
    const printed = await traced("--secret", secret);
    assert.doesNotMatch(printed, hidden);
    assert.match(printed, shown);
  });
}

test("a condition on one is refused, since passing or not would tell its value", async () => {
  const program = buildGo("where");
  for (const [where, name, mark] of [
    ['name == "n1"', "name", "^~~~"],
    ["n > 1 && len(u.City) > 2", "City", "^~~~"],
    ['u.Home.City != ""', "City", "^~~~"],
    ["sum == 4", "sum", "^~~"],
    ['labels["request_id"] == "1"', "request_id", "^~~~~~~~~~~~"],
  ] as const) {
    const trace = ["trace", "main.work", "--returns", "--secret", "name,city,sum", "--secret=request_id"];
    const { status, stdout, stderr } = await run(...trace, "--where", where, "--", program, "run 1");
    assert.deepEqual([status, stdout], [2, ""], stderr);
    assert.match(stderr, new RegExp(`the name ${name} counts as secret`));
    assert.ok(stderr.includes(` ${mark}\n`), stderr);
  }
});
