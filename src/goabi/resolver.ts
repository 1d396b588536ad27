/** What a program's file tells about words that only a running process has. Pure questions: all answers come at once. */
import { type Refusal, refuse } from "./refusal.ts";
import type { DictionaryPlace, GoType } from "./type.ts";

export interface ValueResolver {
  /** By the type descriptor's address in the file: an interface's type word less the load bias. */
  dynamicType(descriptor: number): DynamicType;
  /** By the code's address in the file and that of the closure object (outside the file for closures on the heap). */
  funcAt(code: number, object: number): FuncInfo;
  /** By a dictionary's address in the file; undefined where that is none, or has no type there. */
  typeInDictionary(dictionary: number, place: DictionaryPlace): GoType | undefined;
}

export type DynamicType =
  /** `direct`: an interface's data word is the value itself, else it points to the value. */
  | { readonly type: GoType; readonly direct: boolean }
  /** A clause. */
  | Refusal;

export type FuncInfo =
  | {
      /** The linker's name. */
      readonly name: string;
      /** In the order of the closure object. A method value (`…-fm`) captures its receiver, whatever its name here. */
      readonly captured: readonly ClosureVariable[];
      /** Why there may be more captured variables than these, a clause. */
      readonly missing?: string;
      /** Where the object has the address of the dictionary that tells types of captured variables, bytes from its start. */
      readonly dictionary?: number;
    }
  | Refusal;

export interface ClosureVariable {
  readonly name: string;
  readonly type: GoType;
  /** Bytes from the start of the closure object. */
  readonly offset: number;
  /** The object holds the variable's address. */
  readonly byReference: boolean;
  /** What the object holds, where its name or whether that is the variable itself is not known. */
  readonly held?: GoType;
  /** Of a variable whose type here is what all instances of a generic function share. */
  readonly inDictionary?: DictionaryPlace;
}

/** For values of which nothing but the bytes is known. */
export const NO_RESOLVER: ValueResolver = {
  dynamicType: () => refuse("the program's types are not known"),
  funcAt: () => refuse("the program's functions are not known"),
  typeInDictionary: () => undefined,
};
