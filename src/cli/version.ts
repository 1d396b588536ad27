/** The package's version, from the package.json that ships beside dist/. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export function version(): string {
  const own = fileURLToPath(import.meta.url);
  const path = own.endsWith(".ts") ? "../../package.json" : "../package.json";
  const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string };
  return version;
}
