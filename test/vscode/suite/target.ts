/** The demo server that the scenario traces; the outer test started it and tells of it in the environment. */
import { request } from "node:http";
import { control } from "../control.ts";
import { hasPage, until } from "./steps.ts";

export interface TargetInfo {
  readonly pid: number;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Run-time address of main.computeE (the program is no PIE), and its first bytes in the file, hex. */
  readonly address: number;
  readonly bytes: string;
  readonly file: string;
  readonly binary: string;
}

export function target(): TargetInfo {
  return JSON.parse(process.env["PROBELENS_TEST_TARGET"] ?? "null") as TargetInfo;
}

/** The same program, run by another user. */
export function otherTarget(): TargetInfo {
  return JSON.parse(process.env["PROBELENS_TEST_OTHER_TARGET"] ?? "null") as TargetInfo;
}

export async function compute(iterations: number, { url } = target()): Promise<string> {
  return await new Promise((resolve, reject) => {
    const call = request(`${url}/e?iters=${iterations}`, { timeout: 5_000 }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (body += part));
      response.on("end", () => resolve(body));
    });
    call.on("timeout", () => call.destroy(new Error("the target does not answer")));
    call.on("error", reject);
    call.end();
  });
}

/** The function's code in the process, hex: with a probe in place an `int3` (cc) stands in it. */
export async function liveBytes({ pid, address, bytes } = target()): Promise<string> {
  return (await control("memory", { pid, address, length: bytes.length / 2 })) ?? "";
}

export async function untilProbed(of = target()): Promise<void> {
  if (hasPage)
    await until(
      "an int3 in computeE",
      () => liveBytes(of),
      (bytes) => bytes !== of.bytes,
    );
}

export async function untilOriginal(of = target()): Promise<void> {
  if (hasPage)
    await until(
      "computeE's original bytes",
      () => liveBytes(of),
      (bytes) => bytes === of.bytes,
    );
}
