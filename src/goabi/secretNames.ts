/**
 * Which names stand for secrets, so that their values are neither copied nor shown: parameters, results, captured
 * variables, fields, and map entries and labels with such a string key. One rule for planner, condition checker and
 * decoder.
 */

/** Whole words of a name; two words in a row count as one (`api_key`, `privateKey`, `API-Key`). */
const SECRET_WORDS = [
  "password",
  "passwd",
  "secret",
  "token",
  "authorization",
  "cookie",
  "credential",
  "apikey",
  "privatekey",
] as const;

/**
 * A string key of a map is copied up to so many bytes, although less of it is shown: the value of a key that is longer
 * still may be a secret.
 */
export const SECRET_KEY_BYTES = 1024;

/** A large program's types have some 20 000 different names of fields; keys of maps come on top. A full table starts again. */
const MAX_KNOWN = 32_768;
/** Longer ones, keys of maps among them, are looked at anew. */
const MAX_KNOWN_LENGTH = 64;

/** Of one user: more than anybody lists by hand. Each new name of a program is compared with every one of them. */
export const MAX_SECRET_NAMES = 64;
/** Characters; Go's own longest names of fields have some forty. */
export const MAX_SECRET_NAME_LENGTH = 64;

export type IsSecretName = (name: string) => boolean;

/**
 * Why words that somebody added to the list cannot be used, a clause; undefined where they can. They are refused, all of
 * them, because one that was passed over would look as if its values were kept secret.
 */
export function whyNotSecretNames(words: unknown): string | undefined {
  if (!Array.isArray(words)) return "they must be a list of names";
  if (words.length > MAX_SECRET_NAMES) return `there are ${words.length} of them, and ${MAX_SECRET_NAMES} is the most`;
  for (const word of words as readonly unknown[]) {
    if (typeof word !== "string") return `${JSON.stringify(word)} is no name`;
    if (word === "") return "one of them is empty";
    if (word.length > MAX_SECRET_NAME_LENGTH)
      return `a name has ${word.length} characters, and ${MAX_SECRET_NAME_LENGTH} is the most`;
    if (!NAME.test(word)) return `${JSON.stringify(word)} holds other characters than letters, digits, _, - and .`;
    if (squeezed(word) === "") return `${JSON.stringify(word)} holds neither a letter nor a digit`;
  }
  return undefined;
}

/** What names of Go consist of, and what keys of maps and labels have between their words. Patterns are none. */
const NAME = /^[\p{L}\p{N}_.-]+$/u;

/** `extra`: the user's own words, as `whyNotSecretNames` lets them pass; the list can only be extended. */
export function secretNames(extra: readonly string[]): IsSecretName {
  const secrets = new Set<string>([...SECRET_WORDS, ...extra.map(squeezed)]);
  const longest = Math.max(...Array.from(secrets, (word) => word.length));
  const isSecret: IsSecretName = (name) => {
    // Most names hold no secret word at all, whole or in parts.
    const letters = squeezed(name);
    let possible = false;
    for (const secret of secrets) possible ||= letters.includes(secret);
    return possible && WORD_RULES.some((rule) => hasSecret(name.match(rule) ?? [], secrets, longest));
  };
  const known = new Map<string, boolean>();
  return (name) => {
    if (name.length > MAX_KNOWN_LENGTH) return isSecret(name);
    let answer = known.get(name);
    if (answer === undefined) {
      answer = isSecret(name);
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(name, answer);
    }
    return answer;
  };
}

/**
 * camelCase has two readings of capitals before a small letter: `HTTPToken` is HTTP and Token, `JWTtoken` is JWT and
 * token. Either may show a secret. Digits are words of their own.
 */
const WORD_RULES = [
  /\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+|[\p{Lo}\p{Lm}\p{Lt}]+|\p{N}+/gu,
  /\p{Lu}{2,}|\p{Lu}?\p{Ll}+|[\p{Lo}\p{Lm}\p{Lt}]+|\p{N}+/gu,
] as const;

function hasSecret(words: readonly string[], secrets: ReadonlySet<string>, longest: number): boolean {
  for (let first = 0; first < words.length; first++) {
    let joined = "";
    for (let last = first; last < words.length && joined.length < longest; last++) {
      joined += words[last]!.toLowerCase();
      if (secrets.has(joined)) return true;
    }
  }
  return false;
}

function squeezed(name: string): string {
  return name.replace(/[^\p{L}\p{N}]/gu, "").toLowerCase();
}
