/** Probe sites on random and on damaged machine code, with random signatures. */

import { secretNames } from "../../../src/goabi/secretNames.ts";
import { placeSignature } from "../../../src/gobinary/places/court.ts";
import { DEFAULT_LIMITS } from "../../../src/probe/api.ts";
import { planFunction } from "../../../src/probe/plan.ts";
import { damage } from "../mutate.ts";
import type { Random } from "../random.ts";
import { randomType } from "../randomTypes.ts";
import { seedCode } from "../seeds.ts";
import { check, type FuzzTarget } from "../target.ts";

const ENTRY = 0x401000;

export async function codeTarget(): Promise<FuzzTarget> {
  const bodies = await seedCode();
  return {
    name: "code",
    run(random) {
      const code = body(bodies, random);
      const variables = (count: number) =>
        Array.from({ length: count }, (_, i) => ({
          name: `v${i}`,
          type: randomType(random, 3),
          blank: random.once(8),
        }));
      const arch = random.once(50) ? "arm64" : "amd64";
      const convention = random.once(4) ? "stack" : "register";
      const result = planFunction({
        fn: {
          name: "main.f",
          entry: ENTRY,
          end: ENTRY + code.length,
          offset: 0x1000,
          file: "main.go",
          line: 1,
          convention,
        },
        arch,
        signature: {
          ok: true,
          signature: placeSignature(arch, convention, {
            params: variables(random.below(8)),
            results: variables(random.below(3)),
            complete: !random.once(4),
            source: "dwarf",
          }),
        },
        code,
        limits: DEFAULT_LIMITS,
        isSecret: secretNames([]),
      });
      if (!result.ok) {
        check(result.reason !== "", "no reason");
        return;
      }
      for (const site of [result.plan.entry, ...result.plan.returns]) {
        const at = site.address - ENTRY;
        check(at >= 0 && at < code.length, `a site outside the function: +${at}`);
        check(site.offset === 0x1000 + at, "a file offset that does not belong to the address");
        const expected = Buffer.from(code.subarray(at, at + site.expected.length / 2)).toString("hex");
        check(
          site.expected.length >= 2 && site.expected === expected,
          `expected bytes ${site.expected}, the code has ${expected}`,
        );
      }
    },
  };
}

function body(bodies: readonly Uint8Array[], random: Random): Uint8Array {
  if (random.once(5)) return random.bytes(random.below(300));
  const code = random.pick(bodies).slice();
  if (random.once(4)) return code.subarray(0, random.below(code.length + 1));
  // Damage near the start matters most: that is where sites are looked for.
  const size = random.once(2) ? Math.min(40, code.length) : code.length;
  damage(code, { offset: 0, size }, random);
  return code;
}
