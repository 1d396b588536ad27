/**
 * Values of every kind in the memory of a real Go process, decoded with the types and functions that its file tells:
 * the program says which text each must have. No probe, no root: the memory is read through /proc.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { secretNames } from "../../../src/goabi/secretNames.ts";
import { DEFAULT_LIMITS } from "../../../src/probe/api.ts";
import type { RawEvent } from "../../../src/protocol/records.ts";
import { ProgramValues, renderVariables } from "../../../src/value/render.ts";
import { buildGo } from "../../programs/build.ts";
import { openFile } from "../gobinary/binaryFile.ts";
import { iface } from "../types.ts";
import { EVENT, onStack } from "./capturedValue.ts";

/** Register and stack ABI; descriptors, maps and channels of each shape. */
const PROGRAMS: readonly { readonly version: string; readonly flags?: readonly string[] }[] = [
  { version: "1.15.15" },
  { version: "1.18.10" },
  { version: "1.19.13" },
  { version: "1.22.12" },
  { version: "1.23.12" },
  { version: "1.24.13" },
  { version: "1.26.8" },
  { version: "1.26.8", flags: ["-buildmode=pie"] },
  { version: "1.26.8", flags: ["-ldflags=-s -w"] },
  { version: "1.27.4" },
  { version: "1.27.4", flags: ["-buildmode=pie"] },
  { version: "1.27.4", flags: ["GOEXPERIMENT=mapsplitgroup"] },
];
/** Mappings that are larger hold none of the program's values. */
const MAX_MAPPING_BYTES = 80 << 20;

interface Case {
  readonly Address: number;
  readonly Type: string;
  readonly Text: string;
  readonly Any: number;
}

for (const { version, flags = [] } of PROGRAMS) {
  test(`Go ${version} ${flags.join(" ")}`, { timeout: 120_000 }, async () => {
    const file = buildGo("memory", `go${version}`, ...flags);
    const binary = await openFile(file);
    const child = spawn(file, { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const cases = await readCases(child.stdout);
      const chunks = readMemory(child.pid!);
      const program = new ProgramValues({
        facts: binary.runtimeFacts,
        limits: DEFAULT_LIMITS,
        isSecret: secretNames([]),
        resolver: await binary.valueResolver(),
      });
      // A Go program's first byte stands at 4 MiB in the file's addresses, position-independent or not.
      const bias = Number(chunks.find((chunk) => chunk.file === file)!.address) - 0x40_0000;
      const wrong: { text: string; expected: string }[] = [];
      for (const one of cases) {
        const event = { ...EVENT, root: memoryAt(chunks, one.Address, 16), chunks };
        const [value] = renderVariables(PLAN, event, program, bias, true);
        const { text } = value!;
        const expected = expectedText(one, version, binary.hasDwarf);
        if (one.Any > 0 ? !isSomeOf(one, text) : text !== expected) wrong.push({ text, expected });
      }
      assert.deepEqual(wrong, []);
      assert.ok(cases.length > 150, `${cases.length} values`);
    } finally {
      child.kill("SIGKILL");
      binary.close();
    }
  });
}

/**
 * The type of a closure's object has its variables' names up to Go 1.20. Since 1.23 DWARF has them, of those that
 * optimised code leaves there.
 */
function expectedText({ Text }: Case, version: string, hasDwarf: boolean): string {
  const closure = /^(func main\.(?:closures|hidden)\.func\d)\{/.exec(Text)?.[1];
  if (closure === undefined) return Text;
  const minor = Number(version.split(".")[1]);
  if (minor <= 20) return Text.replace("<unavailable: a captured variable is not in the binary's DWARF>", "n:3");
  if (hasDwarf && minor >= 23) return Text;
  const why = hasDwarf ? "Go before 1.23 does not tell its place" : "the binary has no DWARF";
  const variable = `<unavailable: a captured variable's name: ${why}>`;
  return `${closure}{${Array.from({ length: closure.endsWith("func2") ? 2 : 3 }, () => variable).join(", ")}}`;
}

/** 64 entries k:k+1 in the order of their text, the others counted. */
function isSomeOf({ Any }: Case, text: string): boolean {
  const [, list = "", cut] = /^map\[int\]int\{(.*), …\+(\d+)\}$/.exec(text) ?? [];
  const entries = list.split(", ");
  const keys = entries.map((entry) => entry.split(":")[0]!);
  return (
    entries.length === DEFAULT_LIMITS.elements &&
    Number(cut) === Any - entries.length &&
    entries.every((entry) => /^\d+:\d+$/.test(entry) && Number(entry.split(":")[1]) === Number.parseInt(entry) + 1) &&
    keys.join() === keys.toSorted().join() &&
    new Set(keys).size === keys.length
  );
}

const PLAN = onStack("v", iface("interface {}", true), 16);

async function readCases(output: NodeJS.ReadableStream): Promise<Case[]> {
  const cases: Case[] = [];
  for await (const line of createInterface(output)) {
    if (line === "null") return cases;
    cases.push(JSON.parse(line) as Case);
  }
  throw new Error("the program ended early");
}

type Mapping = RawEvent["chunks"][number] & { readonly file: string };

/** Everything that the process can read, one chunk for each mapping. */
function readMemory(pid: number): Mapping[] {
  const mem = openSync(`/proc/${pid}/mem`, "r");
  try {
    const mappings: Mapping[] = [];
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from, to, file = ""] = /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \d+ *(.*)$/.exec(line) ?? [];
      const [start, end] = [Number.parseInt(from!, 16), Number.parseInt(to!, 16)];
      if (!(end - start <= MAX_MAPPING_BYTES) || file.startsWith("[v")) continue;
      const bytes = new Uint8Array(end - start);
      let done = 0;
      while (done < bytes.length) done += readSync(mem, bytes, done, bytes.length - done, start + done);
      mappings.push({ type: 0, address: BigInt(start), status: "ok", wanted: bytes.length, bytes, file });
    }
    return mappings;
  } finally {
    closeSync(mem);
  }
}

function memoryAt(chunks: readonly Mapping[], address: number, size: number): Uint8Array {
  for (const { address: start, bytes } of chunks) {
    const offset = address - Number(start);
    if (offset >= 0 && offset + size <= bytes.length) return bytes.subarray(offset, offset + size);
  }
  throw new Error(`no memory at 0x${address.toString(16)}`);
}
