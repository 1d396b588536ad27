/** An HTTP server on loopback and its load: caddy where the large real program is one, else test/programs/web. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { basename } from "node:path";
import { buildGo } from "../programs/build.ts";
import { realBinary } from "./realBinary.ts";
import { textUntil } from "./tracers.ts";

/** On two processors the generator and the server keep both busy with these. */
const CONNECTIONS = 16;

export interface WebServer {
  readonly pid: number;
  readonly binary: string;
  stop(): Promise<void>;
}

/** How `load` fared. */
export interface Served {
  readonly perSecond: number;
  readonly p99us: number;
}

/** What it is called in tables. */
export function webServerName(): string {
  return caddy() === undefined ? "a Go net/http server (test/programs/web)" : "caddy's `respond`";
}

export async function startWebServer(): Promise<
  WebServer & { load(seconds: number): Promise<Served>; flood(): () => void }
> {
  const web = buildGo("web");
  const real = caddy();
  const port = real === undefined ? 0 : await freePort();
  const child =
    real === undefined
      ? spawn(web, ["serve"], { stdio: ["ignore", "pipe", "ignore"] })
      : spawn(real, ["respond", "--listen", `127.0.0.1:${port}`, "hello"], { stdio: ["ignore", "pipe", "ignore"] });
  const text = real === undefined ? await textUntil(child, child.stdout, /listening .*\n/) : "";
  const address = real === undefined ? (text.split(" ")[1] ?? "").trim() : `127.0.0.1:${port}`;
  if (real !== undefined) await answers(web, address);
  const arguments_ = (seconds: number): string[] => ["load", address, String(CONNECTIONS), String(seconds)];
  return {
    pid: child.pid ?? 0,
    binary: real ?? web,
    async load(seconds) {
      const [perSecond, p99us] = (await output(web, arguments_(seconds))).split(" ").map(Number);
      return { perSecond: perSecond ?? Number.NaN, p99us: p99us ?? Number.NaN };
    },
    flood() {
      const generator = spawn(web, arguments_(3600), { stdio: "ignore" });
      return () => generator.kill();
    },
    async stop() {
      const exited = once(child, "exit");
      child.kill();
      await exited;
    },
  };
}

function caddy(): string | undefined {
  const real = realBinary();
  return real !== undefined && basename(real).startsWith("caddy") ? real : undefined;
}

/** caddy does not say when it listens. */
async function answers(web: string, address: string): Promise<void> {
  for (;;)
    try {
      await output(web, ["load", address, "1", "0.01"]);
      return;
    } catch {}
}

async function output(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with status ${status}`);
  return text;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
