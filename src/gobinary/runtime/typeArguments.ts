/** Type arguments in the names of types: `main.Pair[string,net/url.URL]`, and types found by names made of them. */
import type { DictionaryPlace, GoType } from "../../goabi/type.ts";
import { shortTypeName } from "../debuginfo/names.ts";

type NamedPlace = Extract<DictionaryPlace, { readonly receiver: string }>;

/**
 * Among the types of a receiver's dictionary the one that has the place's name. Undefined where the receiver's type
 * stands there with different arguments, or where two types have that name.
 */
export function typeNamed({ name, receiver }: NamedPlace, types: readonly GoType[]): GoType | undefined {
  let args: string | undefined;
  for (const type of types) {
    const found = argumentsOf(type.kind === "ptr" ? type.elem : type, receiver);
    if (found === undefined) continue;
    if (args !== undefined && args !== found) return undefined;
    args = found;
  }
  if (args === undefined) return undefined;
  const list = splitArguments(args);
  const link = name.replace(/‹(\d+)›/g, (_, index: string) => list[Number(index)] ?? "?");
  const short = shortTypeName(link, () => undefined);
  const matching = new Set(
    types.filter((type) =>
      type.linkName === undefined || type.linkName === type.name ? type.name === short : type.linkName === link,
    ),
  );
  return matching.size === 1 ? [...matching][0] : undefined;
}

function argumentsOf(type: GoType, receiver: string): string | undefined {
  const name = type.linkName ?? type.name;
  return name.startsWith(`${receiver}[`) && name.endsWith("]") ? name.slice(receiver.length + 1, -1) : undefined;
}

/** At the commas that stand in no bracket, brace or text. */
export function splitArguments(text: string): string[] {
  const args: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    } else if ("[({".includes(char)) depth++;
    else if ("])}".includes(char)) depth--;
    else if (char === "," && depth === 0) {
      args.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...args, text.slice(start)];
}
