/** What a function of a binary is in the source, once it is found there. */
import { type Refusal, refuse } from "../../goabi/refusal.ts";
import type { SymbolName } from "../../goname/symbolName.ts";
import type { SourceFile } from "../packages/package.ts";
import type { FunctionDeclaration, FunctionLiteral, TypeDeclaration } from "../syntax/declarations.ts";

export interface SourceFunction {
  readonly symbol: SymbolName;
  readonly file: SourceFile;
  /** Undefined for a literal in a package variable's initialiser. */
  readonly declaration: FunctionDeclaration | undefined;
  readonly literal?: FunctionLiteral;
  /** Of a method's wrapper, which has no declaration: the type whose method it is. */
  readonly receiverType?: TypeDeclaration;
  /** The generic instance's arguments, as the linker names them. */
  readonly typeArgs?: string;
}

export type FoundFunction =
  | { readonly kind: "found"; readonly function: SourceFunction }
  /** The same function, elsewhere in the file: `lines` is how far it has moved since the binary was built. */
  | ({ readonly kind: "drifted"; readonly lines: number } & Refusal)
  | ({ readonly kind: "absent" } & Refusal);

export function absent(reason: string): FoundFunction {
  return { kind: "absent", ...refuse(reason) };
}
