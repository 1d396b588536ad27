/** Which names stand for secrets: their values are not copied out of the kernel (design, "Security"). */

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

/** Names as settings may add them: whole words, lower case, without separators. */
export class SecretNames {
  readonly #words: ReadonlySet<string>;
  /** Words of the longest name that is looked for: `private key` is two. */
  readonly #known = new Map<string, boolean>();

  constructor(added: readonly string[] = []) {
    this.#words = new Set([...SECRET_WORDS, ...added.map((word) => word.toLowerCase().replace(/[^a-z0-9]/g, ""))]);
  }

  /** Whether a whole word of a camelCase or snake_case name, or two in a row (`apiKey`), is one: `maxTokens` is none. */
  has(name: string): boolean {
    let found = this.#known.get(name);
    if (found === undefined) {
      const words = wordsOf(name);
      found = words.some((word, index) => this.#words.has(word) || this.#words.has(word + (words[index + 1] ?? "")));
      this.#known.set(name, found);
    }
    return found;
  }
}

function wordsOf(name: string): string[] {
  return (
    name
      .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
      .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? []
  );
}
