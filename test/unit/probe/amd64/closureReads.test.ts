import assert from "node:assert/strict";
import { test } from "node:test";
import { closureBytesRead } from "../../../../src/probe/amd64/closureReads.ts";

const CASES: readonly [what: string, code: string, bytes: number][] = [
  ["mov rcx, [rdx+8]; ret", "48 8b 4a 08 c3", 16],
  ["movsx rcx, byte [rdx+24]; ret", "48 0f be 4a 18 c3", 25],
  ["lea rcx, [rdx+8]; ret", "48 8d 4a 08 c3", 9],
  ["mov rdx, [rdx+8]; mov rcx, [rdx+64]; ret: no longer the context", "48 8b 52 08 48 8b 4a 40 c3", 16],
  ["call; mov rcx, [rdx+8]; ret: no longer the context", "e8 00 00 00 00 48 8b 4a 08 c3", 0],
  ["je over the call; mov rcx, [rdx+8] behind it", "74 06 e8 00 00 00 00 c3 48 8b 4a 08 c3", 16],
  ["mov rcx, rdx; ret: a copy", "48 89 d1 c3", Number.POSITIVE_INFINITY],
  ["mov [rsp+8], rdx; ret: a copy", "48 89 54 24 08 c3", Number.POSITIVE_INFINITY],
  ["mov rcx, [rdx+rax*8]; ret: anywhere", "48 8b 0c c2 c3", Number.POSITIVE_INFINITY],
  ["no code", "0f", Number.POSITIVE_INFINITY],
];

for (const [what, code, bytes] of CASES)
  test(`bytes of its object that a closure reads: ${what}`, () => {
    assert.equal(closureBytesRead(Uint8Array.from(code.split(" "), (byte) => Number.parseInt(byte, 16))), bytes);
  });
