/** Our function list against `go tool nm`: names, addresses and sizes, both ways. */
import type { GoBinary, GoFunction } from "../../src/gobinary/api.ts";
import { Findings, hex } from "./findings.ts";
import type { TextSymbol } from "./witness/nm.ts";

/** `sameNames` is false for a stripped program, whose own names (pclntab's) are shorter than its twin's symbols. */
export async function checkFunctions(
  binary: GoBinary,
  symbols: readonly TextSymbol[],
  sameNames: boolean,
): Promise<Findings> {
  const findings = new Findings();
  const ours = new Map<number, GoFunction>();
  let last: GoFunction | undefined;
  for (const fn of await binary.functions()) {
    if (ours.has(fn.entry)) findings.differ("listed twice by us", `${hex(fn.entry)} ${fn.name}`);
    if (last !== undefined && last.end > fn.entry)
      findings.differ(
        "our functions overlap",
        `${last.name} ends at ${hex(last.end)}, ${fn.name} begins at ${hex(fn.entry)}`,
      );
    ours.set(fn.entry, fn);
    last = fn;
  }
  const theirs = new Map<number, TextSymbol[]>();
  for (const symbol of symbols) {
    const list = theirs.get(symbol.address);
    if (list === undefined) theirs.set(symbol.address, [symbol]);
    else list.push(symbol);
  }
  // Marks of the linker have no size; nor has C code that Go's own linker took from an object file.
  for (const [address, list] of theirs) {
    if (list.some(({ size }) => size > 0)) compare(findings, ours.get(address), list, sameNames);
    else if (ours.has(address)) findings.count("at symbols without size");
    else theirs.delete(address);
  }
  for (const fn of ours.values())
    if (!theirs.has(fn.entry)) findings.differ("ours, but nm has no symbol there", `${hex(fn.entry)} ${fn.name}`);
  await checkLookUp(binary, [...ours.values()], findings);
  findings.count("ours", ours.size);
  findings.count("nm's", theirs.size);
  return findings;
}

function compare(
  findings: Findings,
  fn: GoFunction | undefined,
  symbols: readonly TextSymbol[],
  sameNames: boolean,
): void {
  const [first] = symbols as [TextSymbol];
  if (fn === undefined) {
    findings.differ(
      sameNames
        ? "nm's, but not ours"
        : isCName(first.name)
          ? "C functions that a stripped file does not name"
          : "nm's, but not ours",
      `${hex(first.address)} ${symbols.map(({ name }) => name).join(" = ")}`,
    );
    return;
  }
  const names = symbols.map(({ name }) => name);
  if (!names.includes(fn.name)) {
    if (!sameNames && names.some((name) => strippedName(name) === strippedName(fn.name))) findings.count("short names");
    else findings.differ("another name", `${hex(fn.entry)} ours ${fn.name}, nm ${names.join(" = ")}`);
  }
  // An object file's whole section can begin where its first function does: the symbol of our name counts.
  const size = symbols.find(({ name }) => name === fn.name)?.size ?? Math.max(...symbols.map((symbol) => symbol.size));
  // pclntab's end of a function is the next one's start: padding counts. It must never cut the function.
  if (fn.end < first.address + size)
    findings.differ("cut short", `${fn.name}: ours ${fn.end - fn.entry} bytes, nm ${size}`);
  else if (fn.end - fn.entry !== size) findings.count("with padding");
}

async function checkLookUp(binary: GoBinary, functions: readonly GoFunction[], findings: Findings): Promise<void> {
  // Each look-up costs microseconds; of large programs every 17th function is enough to see a broken index.
  const step = functions.length > 20_000 ? 17 : 1;
  for (let i = 0; i < functions.length; i += step) {
    const fn = functions[i]!;
    const found = await binary.functionAt(fn.end > fn.entry ? fn.end - 1 : fn.entry);
    if (found?.entry !== fn.entry)
      findings.differ("functionAt(last byte) gives another", `${fn.name} ${hex(fn.entry)}: ${found?.name}`);
    const named = await binary.functionsNamed(fn.name);
    if (!named.some(({ entry }) => entry === fn.entry)) findings.differ("functionsNamed does not find it", fn.name);
  }
}

function isCName(name: string): boolean {
  return !/[./]/.test(name) || name.startsWith("_cgo") || /\.(cold|part|constprop|isra)\b/.test(name);
}
/** pclntab writes type arguments as `...`, no `.abi0`, and `T·1` for the symbol table's `T.1`. */
function strippedName(name: string): string {
  const plain = name.replace(/\.abi(0|internal)$/, "").replaceAll("·", ".");
  const open = plain.indexOf("[");
  const close = plain.lastIndexOf("]");
  return open < 0 || close < open ? plain : `${plain.slice(0, open)}[...]${plain.slice(close + 1)}`;
}
