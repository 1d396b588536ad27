/**
 * Each DWARF section of a program missing, cut short or overwritten: functions are listed all the same, what is said of
 * them is what the whole program says, and what is lost is told.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { GoBinary, SignatureResult } from "../../../src/gobinary/api.ts";
import { openBinary } from "../../../src/gobinary/open.ts";
import { sectionsOf } from "../../fuzz/seeds.ts";
import { buildProgram } from "../../matrix/build.ts";
import { bytesSource } from "./binaryFile.ts";

/** Of a section header (Elf64_Shdr). */
const FIELD = { name: 0, type: 4, offset: 24, size: 32 } as const;

interface Section {
  readonly header: number;
  readonly offset: number;
  readonly size: number;
}

const DAMAGES: Readonly<Record<string, (bytes: Buffer, section: Section) => unknown>> = {
  "is missing": (b, { header }) => b.writeUInt32LE(0, header + FIELD.name),
  "has no bytes in the file": (b, { header }) => b.writeUInt32LE(8, header + FIELD.type),
  "is empty": (b, { header }) => b.writeBigUInt64LE(0n, header + FIELD.size),
  "is cut in half": (b, { header, size }) => b.writeBigUInt64LE(BigInt(size >> 1), header + FIELD.size),
  "has 2^63 bytes": (b, { header }) => b.writeBigUInt64LE(1n << 63n, header + FIELD.size),
  "begins beyond 2^63": (b, { header }) => b.writeBigUInt64LE((1n << 64n) - 1n, header + FIELD.offset),
  "lies over the code": (b, { header }) => b.writeBigUInt64LE(4096n, header + FIELD.offset),
  "holds zeros": (b, { offset, size }) => b.fill(0, offset, offset + size),
  "holds ones": (b, { offset, size }) => b.fill(0xff, offset, offset + size),
};

/** Without these nothing of a function can be told; without the others most of it can. */
const NEEDED = new Set([".debug_info", ".debug_abbrev", ".debug_addr"]);

for (const version of ["1.20.14", "1.27.4"]) {
  const whole = readFileSync(
    await buildProgram({
      folder: "test/fuzz/tiny",
      module: "example.com/tiny",
      version,
      name: "plain",
      flags: ["-ldflags=-compressdwarf=false"],
    }),
  );
  const headers = Number(whole.readBigUInt64LE(40));
  const known = await answersOf(await openBinary(bytesSource(whole)));
  for (const [index, { name, offset, size }] of sectionsOf(whole).entries()) {
    if (!name.startsWith(".debug_")) continue;
    for (const [how, damage] of Object.entries(DAMAGES))
      test(`Go ${version}: ${name} ${how}`, async () => {
        const bytes = Buffer.from(whole);
        damage(bytes, { header: headers + 64 * (index + 1), offset, size });
        const binary = await openBinary(bytesSource(bytes));
        const answers = await answersOf(binary);
        assert.deepEqual([...answers.keys()], [...known.keys()]);
        let lost = 0;
        for (const [func, answer] of answers) {
          const before = known.get(func);
          if (answer.ok && before?.ok === true) sameOrUnknown(func, answer, before);
          else if (before?.ok === true) lost += 1;
        }
        if (lost > 0) assert.notDeepEqual(binary.warnings, [], `${lost} signatures are lost`);
        if (how === "is missing") assert.equal(lost > 0, NEEDED.has(name), `${lost} signatures are lost`);
      });
  }
}

async function answersOf(binary: GoBinary): Promise<Map<string, SignatureResult>> {
  const answers = new Map<string, SignatureResult>();
  for (const fn of await binary.functions()) {
    if (!fn.name.startsWith("main.")) continue;
    answers.set(fn.name, await binary.signature(fn));
    assert.ok((await binary.inlinedCallCount(fn)) >= 0);
  }
  return answers;
}

/** Names may be lost with DWARF, where the runtime's tables tell the types. */
function sameOrUnknown(
  func: string,
  { signature }: SignatureResult & { ok: true },
  { signature: before }: SignatureResult & { ok: true },
): void {
  for (const list of ["params", "results"] as const) {
    if (list === "results" && signature.missingResults !== undefined) continue;
    assert.equal(signature[list].length, before[list].length, `${func}: ${list}`);
    for (const [index, { type, location }] of signature[list].entries()) {
      const told = before[list][index];
      assert.equal(type.name, told?.type.name, func);
      const places = location.map(({ place }, piece) =>
        place.at === "unknown" ? told?.location[piece]?.place : place,
      );
      assert.deepEqual(
        places,
        told?.location.map(({ place }) => place),
        `${func}: ${list}`,
      );
    }
  }
}
