/** Signatures from source and stripped binary against those of the same program with DWARF: every list and every place. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createEngine } from "../../../src/engine/engine.ts";
import { newJob } from "../../../src/engine/job.ts";
import { type Assignment, assignSignature } from "../../../src/goabi/assign.ts";
import type { Location } from "../../../src/goabi/location.ts";
import type { GoType } from "../../../src/goabi/type.ts";
import type { GoBinary, GoFunction, Signature, Variable } from "../../../src/gobinary/api.ts";
import { buildShapes, SHAPES } from "../../matrix/build.ts";
import { CI_VERSIONS, modeNamed } from "../../matrix/toolchains.ts";

const blind = createEngine();
const sourced = createEngine({ source: SHAPES });
after(() => Promise.all([blind.dispose(), sourced.dispose()]));

/** What the compiler makes and earlier versions of Probelens refused, and the rest that stays refused. */
const MADE: [name: string, versions: readonly string[], signature: string][] = [
  ["main.(*outer).Add", CI_VERSIONS, "(c *main.outer, delta int) (~r0 int)"],
  ["main.outer.Value", CI_VERSIONS, "(c main.outer, scale int) (~r0 int)"],
  ["main.(*deepOuter).Value", CI_VERSIONS, "(c *main.deepOuter, scale int) (~r0 int)"],
  ["main.pointerOuter.Add", CI_VERSIONS, "(c main.pointerOuter, delta int) (~r0 int)"],
  ["main.(*celsius).String", CI_VERSIONS, "(c *main.celsius) (~r0 string)"],
  ["main.(*spaced).Value", CI_VERSIONS, "(s *main.spaced, factor int) (~r0 int)"],
  ["main.(*blended).hidden", CI_VERSIONS, "(i *main.blended, when int64) (~r0 int64)"],
  ["main.counter.Value-fm", CI_VERSIONS, "(scale int) (~r0 int)"],
  ["main.genericMap[...]", ["1.20.14"], "(in []T, f func(T) U) (~r0 []U)"],
  ["main.(*list[...]).Each", ["1.20.14"], "(l *main.list[T], f func(T) bool) ()"],
  ["main.noDictUse[...]", ["1.20.14"], "(a int, s string) (~r0 int)"],
  ["main.genericMax[...]", ["1.20.14"], "refused: its name in the stripped binary leaves out the type arguments"],
  // Of a method that the binary shows no line of only the runtime's type data tells, without names.
  ["main.embedsInterface.Add", CI_VERSIONS, "(~recv main.embedsInterface, ~p0 int) (~r0 int)"],
];

for (const version of CI_VERSIONS) {
  describe(`shapes, go${version}`, () => {
    const open = async (): Promise<[GoBinary, GoBinary]> => [
      await sourced.openFile(newJob(), await buildShapes(version, modeNamed("strip"))),
      await blind.openFile(newJob(), await buildShapes(version, modeNamed("default"))),
    ];

    test("what the compiler made", async () => {
      const [stripped] = await open();
      for (const [name, versions, expected] of MADE) {
        if (!versions.includes(version)) continue;
        const functions = await stripped.functionsNamed(name);
        assert.ok(functions.length > 0, name);
        for (const fn of functions) {
          const read = await stripped.signature(fn);
          const text = read.ok ? signatureText(read.signature) : `refused: ${read.reason}`;
          assert.ok(text.startsWith(expected), `${name}: ${text}`);
        }
      }
    });

    test("every place is the one that DWARF's signature gives", async (t) => {
      const [stripped, twin] = await open();
      let compared = 0;
      for (const fn of await stripped.functions()) {
        if (fn.notTraceable !== undefined || !/^main\.|^example\.com\//.test(fn.name)) continue;
        const read = await stripped.signature(fn);
        if (!read.ok || !read.signature.complete || read.signature.source !== "go-source") continue;
        const other = await twin.functionAt(fn.entry);
        const own = other === undefined ? undefined : await twin.signature(other);
        if (own?.ok !== true || !own.signature.complete || own.signature.missingResults !== undefined) continue;
        compared++;
        const [ours, dwarfs] = [places(read.signature, fn), places(own.signature, fn)];
        assert.deepEqual(ours.results, dwarfs.results, fn.name);
        for (const [name, place] of dwarfs.params) assert.deepEqual(ours.params.get(name), place, `${fn.name} ${name}`);
      }
      t.diagnostic(`${compared} functions compared`);
      assert.ok(compared > 150, `${compared} functions`);
    });
  });
}

function signatureText({ params, results }: Signature): string {
  const list = (variables: readonly Variable[]): string =>
    variables.map(({ name, type }) => `${name} ${type.name}`).join(", ");
  return `(${list(params.filter(({ blank }) => !blank))}) (${list(results)})`;
}

/** Blank parameters, and until Go 1.21 a wrapper's receiver, have no name in DWARF. */
function places(
  { params, results }: Signature,
  fn: GoFunction,
): Pick<Assignment, "results"> & { params: Map<string, Location> } {
  const types = (variables: readonly Variable[]): GoType[] => variables.map(({ type }) => type);
  const placed = assignSignature("amd64", fn.convention, types(params), types(results));
  const named = params.flatMap(({ name, blank }, at) => (blank ? [] : [[name, placed.params[at]!] as const]));
  return { params: new Map(named), results: placed.results };
}
