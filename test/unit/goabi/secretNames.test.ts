import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  MAX_SECRET_NAME_LENGTH,
  MAX_SECRET_NAMES,
  secretNames,
  whyNotSecretNames,
} from "../../../src/goabi/secretNames.ts";

const SECRET = [
  "password", "Password", "PASSWORD", "dbPassword", "db_password", "passwd", "PasswdFile", "secret", "clientSecret",
  "token", "apiToken", "APIToken", "JWTtoken", "token2", "oauth2Token", "X-Auth-Token", "Authorization", "cookie", "Set-Cookie",
  "credential", "apikey", "apiKey", "api_key", "APIKey", "API_KEY", "X-Api-Key", "privatekey", "privateKey", "private-key",
  "PRIVATE_KEY", "user.password", "passWord",
]; // biome-ignore format: a list
const PLAIN = [
  "", "maxTokens", "tokens", "tokenizer", "secretary", "credentials", "cookies", "apikeys", "keyAPI", "key", "private",
  "api", "passwords", "bypass", "Unauthorization", "broken", "größe", "世界",
]; // biome-ignore format: a list

test("whole words of camelCase and snake_case names, in any case", () => {
  const isSecret = secretNames([]);
  assert.deepEqual(
    SECRET.filter((name) => !isSecret(name)),
    [],
  );
  assert.deepEqual(
    PLAIN.filter((name) => isSecret(name)),
    [],
  );
});

test("the list can be extended", () => {
  const isSecret = secretNames(["PIN", "iban_number"]);
  const names = ["pin", "userPin", "spin", "IbanNumber", "iban", "token"];
  assert.deepEqual(
    names.filter((name) => isSecret(name)),
    ["pin", "userPin", "IbanNumber", "token"],
  );
});

test("package.json says of the setting what is refused, and that no folder sets it", async () => {
  const file = new URL("../../../package.json", import.meta.url);
  const { contributes } = JSON.parse(readFileSync(file, "utf8")) as {
    contributes: { configuration: { properties: Record<string, unknown> } };
  };
  const { type, items, maxItems, scope } = contributes.configuration.properties["probelens.secretNames"] as {
    [key: string]: unknown;
    items: { pattern: string };
  };
  assert.deepEqual([type, maxItems, scope], ["array", MAX_SECRET_NAMES, "machine"]);
  const { pattern, ...bounds } = items;
  assert.deepEqual(bounds, { type: "string", minLength: 1, maxLength: MAX_SECRET_NAME_LENGTH });
  for (const word of ["größe", "X-Api.v2", "a b", "a*", "a,b"])
    assert.equal(new RegExp(pattern, "u").test(word), whyNotSecretNames([word]) === undefined, word);
});

const LONGEST = "n".repeat(MAX_SECRET_NAME_LENGTH);
const USABLE: readonly (readonly string[])[] = [
  [],
  ["iban"],
  [
    "X-Api-Version",
    "user.name",
    "session_id",
    "größe",
    "密码",
    "2fa",
    "e2e",
    "XMLhttp",
    "HTTPServer",
    "passWord",
    "ÄÖ",
  ],
  Array.from({ length: MAX_SECRET_NAMES }, (_, i) => `name${i}`),
  [LONGEST],
];
/** What is given for the list, and words of the reason why it is refused. */
const REFUSED: readonly (readonly [given: unknown, why: string])[] = [
  ["iban", "they must be a list"],
  [{ iban: true }, "they must be a list"],
  [null, "they must be a list"],
  [["iban", 7], "7 is no name"],
  [["iban", null], "null is no name"],
  [["iban", ""], "one of them is empty"],
  [["user*"], '"user*" holds other characters than letters, digits, _, - and .'],
  [["user name"], "holds other characters"],
  [["a,b"], "holds other characters"],
  [["a\0b"], '"a\\u0000b" holds other characters'],
  [["_"], '"_" holds neither a letter nor a digit'],
  [[`${LONGEST}n`], "a name has 65 characters, and 64 is the most"],
  [Array.from({ length: MAX_SECRET_NAMES + 1 }, (_, i) => `name${i}`), "there are 65 of them, and 64 is the most"],
];

test("a word of the user is refused, or its own name is secret: none is passed over", () => {
  for (const words of USABLE) {
    assert.equal(whyNotSecretNames(words), undefined, words.join());
    const isSecret = secretNames(words);
    for (const word of words) assert.equal(isSecret(word), true, word);
    assert.equal(isSecret("password"), true);
    assert.equal(isSecret("plain"), false);
  }
  for (const [given, why] of REFUSED)
    assert.ok(whyNotSecretNames(given)?.includes(why), `${JSON.stringify(given)}: ${whyNotSecretNames(given)}`);
});
