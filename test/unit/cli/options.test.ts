import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { parseOptions } from "../../../src/cli/options.ts";
import { traceOptions } from "../../../src/cli/trace.ts";
import { UserError } from "../../../src/protocol/errors.ts";

const CLI = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

function trace(...argv: string[]): ReturnType<typeof traceOptions> {
  return traceOptions(parseOptions(COMMANDS.trace, argv));
}

/** Words that the usage error of these arguments must hold. */
const REFUSED: [command: keyof typeof COMMANDS, argv: string[], words: string][] = [
  ["trace", [], "FUNC|FILE:LINE is missing"],
  ["trace", ["f"], "--pid PID, --binary FILE or -- CMD is needed"],
  ["trace", ["f", "--pid", "1", "--binary", "b"], "--pid and --binary: they exclude each other"],
  ["trace", ["f", "--pid", "1", "--", "cmd"], "they exclude each other"],
  ["trace", ["f", "--"], "a command is needed"],
  ["trace", ["f", "--pid"], "--pid: it needs a value (PID)"],
  ["trace", ["f", "--pid", "--returns"], "--pid: it needs a value"],
  ["trace", ["f", "--pid", "0"], "from 1 to 4194304"],
  ["trace", ["f", "--pid", "4194305"], "out of range"],
  ["trace", ["f", "--pid", "-1"], "out of range"],
  ["trace", ["f", "--pid", "1.5"], "a whole number"],
  ["trace", ["f", "--pid", "0x10"], "a whole number"],
  ["trace", ["f", "--pid", "1e3"], "a whole number"],
  ["trace", ["f", "--pid", ""], "a whole number"],
  ["trace", ["f", "--pid", " 1"], "a whole number"],
  ["trace", ["f", "--pid=1", "--pid=2"], "given twice"],
  ["trace", ["f", "--pid", "1", "--limit", "0"], "out of range"],
  ["trace", ["f", "--pid", "1", "--limit", "99999999999999999999"], "out of range"],
  ["trace", ["f", "--pid", "1", "--duration", "0"], "out of range"],
  ["trace", ["f", "--pid", "1", "--duration", "-1"], "out of range"],
  ["trace", ["f", "--pid", "1", "--duration", "1e400"], "a number"],
  ["trace", ["f", "--pid", "1", "--duration", "NaN"], "a number"],
  ["trace", ["f", "--pid", "1", "--duration", "9999999999"], "out of range"],
  ["trace", ["f", "--pid", "1", "--rate", "0"], "out of range"],
  ["trace", ["f", "--pid", "1", "--rate", "10/m"], "a whole number"],
  ["trace", ["f", "--pid", "1", "--max-bytes", "0"], "out of range"],
  ["trace", ["f", "--pid", "1", "--max-bytes", "16385"], "out of range"],
  ["trace", ["f", "--pid", "1", "--format", "xml"], "one of text, jsonl"],
  ["trace", ["f", "--pid", "1", "--output", ""], "a value"],
  ["trace", ["f", "--pid", "1", "--output="], "its value is empty"],
  ["trace", ["f", "--pid", "1", "--returns=yes"], "takes no value"],
  ["trace", ["f", "--pid", "1", "--nosuch"], "no such option"],
  ["trace", ["f", "--pid", "1", "-x"], "no such option"],
  ["trace", ["f", "--pid", "1", "--where", ""], "its value is empty"],
  ["trace", ["f", "--pid", "1", "--where", "--n > 0"], "one that begins with -- is written --where=--…"],
  ["trace", ["f", "--pid", "1", "--expire", "0"], "out of range"],
  ["trace", ["f", "--pid", "1", "--expire", "never"], "it must be a number from 0.01 to 33333, or off"],
  ["trace", ["f", "--pid", "1", "--depth", "65"], "out of range"],
  ["trace", ["f", "--pid", "1", "--budget", "0"], "out of range"],
  ["trace", ["f", "--pid", "1", "--budget", "much"], "it must be a number from 0.001 to 1000000, or off"],
  ["trace", ["f", "--pid", "1", "--secret"], "--secret: it needs a value (NAME,...)"],
  ["trace", ["f", "--pid", "1", "--secret="], "its value is empty"],
  ["trace", ["f", "--pid", "1", "--secret", "iban,"], "--secret iban,: one of them is empty"],
  ["trace", ["f", "--pid", "1", "--secret", "iban, pin"], '" pin" holds other characters than letters'],
  ["trace", ["f", "--pid", "1", "--secret", "a\0b"], "its value holds a NUL byte"],
  ["trace", ["f", "--pid", "1", "--secret", "n".repeat(65)], "a name has 65 characters, and 64 is the most"],
  ["trace", ["f", "--pid", "1", ...Array.from({ length: 65 }, () => "--secret=n")], "there are 65 of them"],
  ["list", ["a", "b"], "one argument too many"],
  ["list", ["--", "a", "b"], "one argument too many"],
  ["inspect", [], "FUNC is missing"],
  ["inspect", ["f", "g"], "one argument too many"],
  ["targets", ["x"], "one argument too many"],
  ["doctor", ["--json"], "no such option"],
];

for (const [command, argv, words] of REFUSED) {
  test(`probelens ${command} ${argv.map((word) => JSON.stringify(word)).join(" ")} is refused`, () => {
    assert.throws(
      () => {
        const parsed = parseOptions(COMMANDS[command], argv);
        if (command === "trace") traceOptions(parsed);
      },
      (error: unknown) => {
        // `--output ""` passes for a value of the next word's form; its emptiness is said in other words.
        assert.ok(error instanceof UserError);
        assert.equal(error.exitStatus, 2);
        assert.match(`${error.what}: ${error.why}`, words === "a value" ? /value/ : literal(words));
        return true;
      },
    );
  });
}

test("values are taken in both spellings", () => {
  for (const argv of [
    ["f", "--pid", "7", "--limit", "3", "--rate", "5/s"],
    ["--pid=7", "f", "--limit=3", "--rate=5"],
  ]) {
    const { target, functions, limit, rate } = trace(...argv);
    assert.deepEqual(
      { target, functions, limit, rate },
      { target: { kind: "process", pid: 7 }, functions: ["f"], limit: 3, rate: 5 },
    );
  }
});

test("names of secrets come together or one by one", () => {
  assert.deepEqual(trace("f", "--pid=7").secretNames, []);
  const { secretNames } = trace("f", "--pid=7", "--secret", "iban,session_id", "--secret=pin");
  assert.deepEqual(secretNames, ["iban", "session_id", "pin"]);
});

test("what follows -- belongs to the command, options included", () => {
  const { target, functions } = trace("f", "--", "cmd", "--pid", "1", "--", "-h");
  assert.deepEqual(
    { target, functions },
    { target: { kind: "command", argv: ["cmd", "--pid", "1", "--", "-h"] }, functions: ["f"] },
  );
});

test("a duration may have decimals, and defaults are no limit, text, stdout", () => {
  const options = trace("f", "--binary", "b", "--duration", ".25");
  assert.equal(options.durationMs, 250);
  assert.equal(options.limit, Number.POSITIVE_INFINITY);
  assert.equal(options.format, "text");
  assert.equal(options.output, undefined);
});

const STATUSES: [argv: string[], status: number, stream: "stdout" | "stderr", words: string][] = [
  [[], 2, "stderr", "a command is needed"],
  [["frob"], 2, "stderr", '"frob": there is no such command'],
  [["--frob"], 2, "stderr", "there is no such option"],
  [["constructor"], 2, "stderr", "there is no such command"],
  [["trace"], 2, "stderr", "probelens trace --help"],
  [["--help"], 0, "stdout", "probelens trace FUNC"],
  [["-h"], 0, "stdout", "probelens doctor"],
  [["--version"], 0, "stdout", "probelens "],
  [["--version", "x"], 2, "stderr", "one argument too many"],
  [["help", "trace"], 0, "stdout", "probelens trace FUNC"],
  [["help", "nosuch"], 2, "stderr", "no such command"],
  [["trace", "--help=1"], 2, "stderr", "takes no value"],
  [["trace", "--help"], 0, "stdout", "--max-bytes N"],
  [["inspect", "f", "--frob", "-h"], 2, "stderr", "no such option"],
];

for (const [argv, status, stream, words] of STATUSES) {
  test(`probelens ${argv.join(" ")}: status ${status}, one message`, () => {
    const result = spawnSync(process.execPath, [CLI, ...argv], { encoding: "utf8" });
    assert.equal(result.status, status, result.stderr);
    assert.match(result[stream], literal(words));
    const other = stream === "stdout" ? result.stderr : result.stdout;
    assert.equal(other, "");
    if (stream === "stderr")
      assert.ok(result.stderr.split("\n").length <= 4 && !/^ {4}at /m.test(result.stderr), result.stderr);
  });
}

function literal(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
}

test("names from outside are cut, and a message names the process that was typed", () => {
  const long = "x".repeat(100_000);
  const refused = [
    ["trace", long, "--pid", `${process.pid}`],
    ["list", long, "--binary", `/tmp/${long}`],
    ["list", `${long}.go:3`, "--binary", process.execPath],
    ["trace", "f", "--", `/bin/${long}`],
    ["trace", "f", `--${long}`],
    [long],
  ];
  for (const argv of refused) {
    const { status, stderr } = spawnSync(process.execPath, [CLI, ...argv], { encoding: "utf8" });
    assert.ok(status === 1 || status === 2, stderr.slice(0, 1000));
    assert.ok(stderr.length < 1000, stderr.slice(0, 1000));
    const pid = argv.indexOf("--pid");
    if (pid >= 0) assert.ok(stderr.includes(`--pid ${argv[pid + 1]}`), stderr);
  }
});
