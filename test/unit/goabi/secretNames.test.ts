import assert from "node:assert/strict";
import { test } from "node:test";
import { secretNames } from "../../../src/goabi/secretNames.ts";

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
  const isSecret = secretNames();
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
  const isSecret = secretNames(["PIN", "iban_number", ""]);
  const names = ["pin", "userPin", "spin", "IbanNumber", "iban", "token"];
  assert.deepEqual(
    names.filter((name) => isSecret(name)),
    ["pin", "userPin", "IbanNumber", "token"],
  );
});
