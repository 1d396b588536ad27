/** Why a function of the table cannot be traced, or its arguments cannot be shown. */

const ASSEMBLY_REASON = "is written in assembly: its arguments have no Go description";
export const C_REASON = "is C code (cgo): its arguments have no Go description";
const NOT_CODE_REASON = "is a mark of the linker, not a function";

/**
 * Runtime routines that switch stacks or run without a goroutine: a breakpoint there can catch the thread in a state in
 * which neither registers nor stack mean what the ABI says. Other runtime functions may be traced.
 */
const UNSAFE =
  /^runtime\.(rt0_go|gogo|mcall|systemstack|systemstack_switch|morestack\w*|asmcgocall\w*|cgocallback|goexit|mstart|sigtramp|cgoSigtramp|sigreturn\w*|sigtrampgo|sigfwd\w*|sigprofNonGo\w*|asyncPreempt|debugCall\w*|clone|exitThread|gcWriteBarrier\w*|badmorestack\w*|badsignal\w*)$/;

/** Symbols in the code that name a place, not a function: the build ID's bytes, bounds of text and FIPS code. */
export function isLinkerMark(name: string): boolean {
  return /^(go[:.]buildid|runtime\.e?text|go:textfips(start|end))$/.test(name);
}

/** ABI0 marks and version suffixes do not change what a routine does. */
export function reasonNotTraceable(name: string, assembly: boolean, foreign: boolean): string | undefined {
  if (isLinkerMark(name)) return NOT_CODE_REASON;
  const plain = name.replace(/\.abi0$/, "");
  if (plain.startsWith("_rt0_") || UNSAFE.test(plain))
    return "belongs to the runtime's stack switching and signal entry, where a probe would be unsafe";
  if (assembly) return ASSEMBLY_REASON;
  if (foreign) return C_REASON;
  return undefined;
}
