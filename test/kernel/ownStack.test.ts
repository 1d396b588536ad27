/**
 * Every probe program keeps the stack of the thread that runs it, and none gets one per CPU, which another thread's hit
 * may write over (bpf/maps.h, OWN_STACK). What keeps it is a tail call, so each program of the object must have one.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const OBJECT = fileURLToPath(new URL("../../dist/probelens.bpf.o", import.meta.url));
/** BPF_JMP | BPF_CALL with the number of bpf_tail_call, no pseudo call (include/uapi/linux/bpf.h). */
const TAIL_CALL = { opcode: 0x85, registers: 0, helper: 12 };
const INSTRUCTION_BYTES = 8;
const [SHT_SYMTAB, STT_FUNC, STB_GLOBAL, SYMBOL_BYTES] = [2, 2, 1, 24];

test("each probe program has a tail call", () => {
  const bytes = readFileSync(OBJECT);
  const programs = probePrograms(bytes);
  assert.ok(programs.size > 20, `${programs.size} programs`);
  const without = Array.from(programs).filter(([, code]) => !hasTailCall(code));
  assert.deepEqual(
    without.map(([name]) => name),
    [],
  );
});

function hasTailCall(code: Buffer): boolean {
  for (let at = 0; at < code.length; at += INSTRUCTION_BYTES)
    if (
      code[at] === TAIL_CALL.opcode &&
      code[at + 1] === TAIL_CALL.registers &&
      code.readInt32LE(at + 4) === TAIL_CALL.helper
    )
      return true;
  return false;
}

/** The code of the functions in section `uprobe`, by name: Elf64_Ehdr, Elf64_Shdr and Elf64_Sym of elf(5). */
function probePrograms(bytes: Buffer): Map<string, Buffer> {
  const word = (at: number): number => Number(bytes.readBigUInt64LE(at));
  const sections = Array.from({ length: bytes.readUInt16LE(60) }, (_, index) => {
    const at = word(40) + index * bytes.readUInt16LE(58);
    return {
      name: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      offset: word(at + 24),
      size: word(at + 32),
      link: bytes.readUInt32LE(at + 40),
    };
  });
  const symbols = sections.find(({ type }) => type === SHT_SYMTAB) ?? assert.fail("no symbols");
  const names = sections[symbols.link] ?? assert.fail("no names");
  const sectionNames = sections[bytes.readUInt16LE(62)] ?? assert.fail("no section names");
  const text = (at: number): string => bytes.toString("latin1", at, bytes.indexOf(0, at));
  const found = new Map<string, Buffer>();
  for (let at = symbols.offset; at < symbols.offset + symbols.size; at += SYMBOL_BYTES) {
    const info = bytes.readUInt8(at + 4);
    const section = sections[bytes.readUInt16LE(at + 6)];
    if (
      (info & 15) !== STT_FUNC ||
      info >> 4 !== STB_GLOBAL ||
      !section ||
      text(sectionNames.offset + section.name) !== "uprobe"
    )
      continue;
    const start = section.offset + word(at + 8);
    found.set(text(names.offset + bytes.readUInt32LE(at)), bytes.subarray(start, start + word(at + 16)));
  }
  return found;
}
