/** All comparisons of one program file. */

import type { GoFunction, SignatureResult } from "../../src/gobinary/api.ts";
import { openBinary } from "../../src/gobinary/open.ts";
import { placeSignature } from "../../src/gobinary/places/court.ts";
import { checkCode } from "./checkCode.ts";
import { checkFunctions } from "./checkFunctions.ts";
import { checkInlined } from "./checkInlined.ts";
import { checkParameters } from "./checkParameters.ts";
import { checkSites } from "./checkSites.ts";
import { checkStripped } from "./checkStripped.ts";
import { FileSource } from "./fileSource.ts";
import type { Findings } from "./findings.ts";
import { type SourceFolders, sourceTypes } from "./sourceTypes.ts";
import { inlinedCallCount, subprograms } from "./witness/delve.ts";
import { tableFunctions } from "./witness/gosym.ts";
import { textSymbols } from "./witness/nm.ts";
import { disassemble } from "./witness/objdump.ts";

/**
 * `table`: against debug/gosym, which needs neither symbols nor DWARF. `source`: parameters' places with the types from
 * the Go source alone, as for a stripped program.
 */
export type Check = "functions" | "table" | "code" | "parameters" | "inlined" | "sites" | "source";
export const CHECKS: readonly Check[] = ["functions", "table", "code", "parameters", "inlined", "sites", "source"];

export interface ProgramResult {
  readonly warnings: readonly string[];
  readonly findings: ReadonlyMap<Check, Findings>;
}

/** `twin`: an unstripped program with the same code, for the witnesses that need symbols; absent: the file itself. */
export async function checkProgram(
  file: string,
  twin: string | undefined,
  checks: readonly Check[],
  source?: SourceFolders,
): Promise<ProgramResult> {
  const bytes = await FileSource.open(file);
  try {
    const binary = await openBinary(bytes);
    const witness = twin ?? file;
    const findings = new Map<Check, Findings>();
    if (checks.includes("functions"))
      findings.set("functions", await checkFunctions(binary, await textSymbols(witness), twin === undefined));
    // With symbols our names are longer than the table's, and C functions come on top.
    if (checks.includes("table") && !(await hasSymbols(file))) {
      const symbols = twin === undefined ? [] : await textSymbols(twin);
      const textStart = symbols.find(({ name }) => name === "runtime.text")?.address;
      findings.set("table", await checkStripped(binary, await tableFunctions(file, textStart)));
    }
    if (checks.includes("code")) findings.set("code", await checkCode(binary, disassemble(witness)));
    if (checks.includes("parameters") && binary.hasDwarf)
      findings.set("parameters", await checkParameters(binary, subprograms(witness)));
    if (checks.includes("inlined") && binary.hasDwarf)
      findings.set("inlined", await checkInlined(binary, await inlinedCallCount(witness)));
    if (checks.includes("sites") && (await hasSymbols(witness)))
      findings.set("sites", await checkSites(binary, file, witness));
    if (checks.includes("source") && source !== undefined) {
      const types = await sourceTypes(source);
      const signatureOf = async (fn: GoFunction): Promise<SignatureResult> => {
        const read = await types.signature(fn, binary.buildInfo);
        if (!read.ok) return read;
        return { ok: true, signature: placeSignature(binary.arch, fn.convention, read.signature) };
      };
      findings.set("source", await checkParameters(binary, subprograms(witness), signatureOf));
    }
    return { warnings: binary.warnings, findings };
  } finally {
    await bytes.close();
  }
}

async function hasSymbols(file: string): Promise<boolean> {
  try {
    return (await textSymbols(file)).length > 0;
  } catch {
    return false; // `go tool nm` refuses a file without symbols
  }
}
