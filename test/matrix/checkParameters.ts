/**
 * Where we say each parameter stands at the entry, against DWARF's location there as Delve reads it. DWARF is known to
 * be wrong for a few in a thousand (go-facts, section 8), so differences are sorted by kind, and each kind is explained.
 */
import type { GoBinary, GoFunction, SignatureResult } from "../../src/binary/api.ts";
import { formatLocation } from "../../src/goabi/format.ts";
import type { Location } from "../../src/goabi/location.ts";
import type { PlacedVariable } from "../../src/probe/api.ts";
import { placeVariables } from "../../src/probe/locate.ts";
import { Findings, hex } from "./findings.ts";
import type { WitnessFunction, WitnessPiece, WitnessVariable } from "./witness/variables.ts";

export async function checkParameters(
  binary: GoBinary,
  witnesses: AsyncIterable<WitnessFunction>,
  signatureOf: (fn: GoFunction) => Promise<SignatureResult> = (fn) => binary.signature(fn),
): Promise<Findings> {
  const findings = new Findings();
  for (const counted of ["functions", "parameters", "agree", "parameters unavailable", "differ"])
    findings.count(counted, 0);
  for await (const witness of witnesses) {
    const fn = await binary.functionAt(witness.entry);
    if (fn?.entry !== witness.entry) {
      findings.differ("no function of ours", `${hex(witness.entry)} ${witness.name}`);
      continue;
    }
    if (fn.notTraceable !== undefined) {
      findings.count("functions not traceable");
      continue;
    }
    findings.count("functions");
    if (witness.declLine !== undefined && witness.declLine !== fn.line) {
      findings.differ("declaration line", `${fn.name}: ours ${fn.line}, DWARF ${witness.declLine}`);
    }
    const signature = await signatureOf(fn);
    const placed = placeVariables({ fn, arch: binary.arch, signature });
    const theirs = witness.variables.filter((variable) => !variable.isResult && isShown(variable.name));
    if ("reason" in placed) {
      findings.count("parameters", theirs.length);
      findings.count("parameters unavailable", theirs.length);
      findings.differ(`no signature: ${placed.reason.replaceAll(/\S*\.go\b|\S*\/\S*|\d+/g, "…")}`, fn.name);
      continue;
    }
    compareLists(findings, fn.name, placed.params, theirs);
  }
  return findings;
}

/** Of all parameters, the part (0 to 1) that has no place. */
export function unavailablePart({ counts }: Findings): number {
  const unavailable = counts["parameters unavailable"] ?? 0;
  return unavailable / Math.max(1, counts["parameters"] ?? 0);
}

function compareLists(
  findings: Findings,
  name: string,
  ours: readonly PlacedVariable[],
  theirs: readonly WitnessVariable[],
): void {
  const rest = [...theirs];
  for (const variable of ours) {
    if (variable.blank || !isShown(variable.name)) continue;
    findings.count("parameters");
    const unknown = variable.location.some((piece) => piece.place.at === "unknown");
    if (unknown) {
      findings.count("parameters unavailable");
      const [piece] = variable.location.filter(({ place }) => place.at === "unknown");
      findings.differ(
        `unavailable: ${piece?.place.at === "unknown" ? piece.place.reason : ""}`,
        `${name} ${variable.name}`,
      );
    }
    const at = rest.findIndex((candidate) => candidate.name === variable.name);
    if (at < 0) {
      findings.differ("parameter that DWARF does not list", `${name} ${variable.name}`);
      continue;
    }
    const [witness] = rest.splice(at, 1) as [WitnessVariable];
    compareType(findings, name, variable, witness);
    if (unknown) continue;
    const kind = compareLocation(variable.location, witness.location, variable.type.size);
    if (kind === undefined) findings.count("agree");
    else {
      findings.count("differ");
      findings.differ(
        kind,
        `${name} ${variable.name} ${variable.type.name}: ours ${formatLocation(variable.location).join(" ")}, DWARF ${show(witness.location)}`,
      );
    }
  }
  for (const { name: missed } of rest) findings.differ("parameter of DWARF that we do not list", `${name} ${missed}`);
}

function compareType(
  findings: Findings,
  name: string,
  { name: parameter, type }: PlacedVariable,
  witness: WitnessVariable,
): void {
  if (witness.typeSize !== undefined && type.size >= 0 && type.size !== witness.typeSize)
    findings.differ("type size", `${name} ${parameter} ${type.name}: ours ${type.size}, DWARF ${witness.typeSize}`);
  // Names differ by design (%T's package name for the path); the last element must be the same.
  const [short, long] = [lastElement(type.name), lastElement(witness.typeName)];
  if (short !== long && long !== "" && !witness.typeName.startsWith(".param"))
    findings.differ("type name", `${name} ${parameter}: ours ${type.name}, DWARF ${witness.typeName}`);
}

function lastElement(type: string): string {
  if (/[[\s({]/.test(type)) return ""; // composed of others: compared by size
  // Types of function bodies are numbered in the binary, and plain for %T.
  return type.replace(/·\d+$/, "").slice(Math.max(type.lastIndexOf("/"), type.lastIndexOf(".")) + 1);
}

/** Undefined where they agree; else the kind of difference. */
function compareLocation(
  ours: Location,
  theirs: readonly WitnessPiece[] | undefined,
  size: number,
): string | undefined {
  if (size === 0) return undefined;
  if (theirs === undefined) return "DWARF: no entry in the list for the first instruction";
  if (theirs.every(({ place }) => place === undefined)) return "DWARF: empty (optimised away)";
  const mine = flatten(
    ours.map(({ size, place }) => ({
      size,
      place: place.at === "register" ? place.register : place.at === "cfa" ? cfa(place.offset) : undefined,
    })),
    size,
  );
  const other = flatten(theirs, size);
  if (mine.join() === other.join()) return undefined;
  const known = theirs.filter(({ place }) => place !== undefined);
  if (known.some(({ place }) => place?.startsWith("?"))) return "DWARF: an expression of another kind";
  if (known.some(({ place }) => place?.startsWith("CFA-"))) return "DWARF: a slot of a frame that is not built yet";
  const places = known.map(({ place }) => place);
  if (new Set(places).size < places.length) return "DWARF: a piece repeated";
  if (mine.filter((place) => places.includes(place)).length === places.length && known.length < mine.length)
    return "DWARF: a part of the pieces is missing";
  if (places.some((place) => place?.startsWith("CFA+")) && mine.every((place) => !place.startsWith("CFA")))
    return "DWARF: spill slot where we say register";
  if (known.every((piece) => inside(piece, ours))) return "DWARF: the slots of some words stand for the whole value";
  if (mine.every((place) => place.startsWith("CFA")) && places.every((place) => !place?.startsWith("CFA")))
    return "DWARF: register where we say stack";
  return mine[0]?.startsWith("CFA") ? "another stack slot" : "another register";
}

/** Whether a stack place lies in the run of stack bytes that we give the value. */
function inside({ place }: WitnessPiece, ours: Location): boolean {
  const offset = /^CFA([+-]\d+)$/.exec(place ?? "")?.[1];
  return ours.some((piece) => {
    if (piece.place.at !== "cfa" || offset === undefined) return false;
    return Number(offset) >= piece.place.offset && Number(offset) < piece.place.offset + piece.size;
  });
}

/** Registers in order; stack pieces that adjoin become one `CFA+N:BYTES`. */
function flatten(pieces: readonly WitnessPiece[], whole: number): string[] {
  const flat: string[] = [];
  let stack: { start: number; end: number } | undefined;
  for (const { size, place } of pieces) {
    if (place === undefined) continue;
    const offset = /^CFA([+-]\d+)$/.exec(place)?.[1];
    if (offset === undefined) {
      if (place !== "") flat.push(place);
      continue;
    }
    const start = Number(offset);
    const end = start + (size ?? whole);
    // Padding between fields has no piece.
    if (stack !== undefined && start >= stack.end && start - stack.end < 8) stack.end = end;
    else {
      stack = { start, end };
      flat.push(cfa(start));
    }
  }
  return flat;
}

function cfa(offset: number): string {
  return offset < 0 ? `CFA${offset}` : `CFA+${offset}`;
}
/** Blank parameters and those that the compiler adds (`.dict`, a wrapper's `.this`) are not shown. */
/** Not dictionaries, blank parameters, and variables that a closure which is called in place captured (`&n`). */
function isShown(name: string): boolean {
  return !/^(?:[.&].*|_?|~p\d+)$/.test(name);
}
function show(location: readonly WitnessPiece[] | undefined): string {
  if (location === undefined) return "nothing";
  return (
    location.map(({ size, place }) => `${place ?? "?"}${size === undefined ? "" : `:${size}`}`).join(" ") || "empty"
  );
}
