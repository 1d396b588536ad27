/** A parameter or result as DWARF lists it, with what the binary says of its place: evidence for the court. */
import type { Location } from "../../goabi/location.ts";
import type { Variable } from "../api.ts";

export interface ListedVariable extends Variable {
  /** Where DWARF says it stands at the function's first instruction; absent: DWARF does not say. Not to be trusted alone. */
  readonly dwarf?: Location;
  /**
   * Where it stands (a result: at the return) although the list of parameters is not known to be complete: the binary's
   * other witnesses leave no other place. Absent: not proven, or the list is complete.
   */
  readonly proven?: Location;
}
