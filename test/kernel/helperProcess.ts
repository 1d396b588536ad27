/** Runs the helper as its peers do: a child with pipes. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TargetEndedParams } from "../../src/protocol/helperApi.ts";
import { connectHelper, type HelperClient } from "../../src/protocol/helperClient.ts";
import type { RawEvent } from "../../src/protocol/records.ts";
import { decodeRecords } from "../../src/protocol/records.ts";

const HELPER = process.env["PROBELENS_HELPER"] ?? fileURLToPath(new URL("../../dist/helper.js", import.meta.url));
const LAUNCHER = join(dirname(HELPER), "native/probelens-launcher");

export interface RunningHelper {
  readonly client: HelperClient;
  readonly child: ChildProcess;
  /** Root and chunk bytes are copies. */
  readonly events: RawEvent[];
  readonly ended: TargetEndedParams[];
  /** Resolves when the child has exited. */
  readonly exited: Promise<unknown>;
  /** Of the child's messages to people. */
  stderr(): string;
  stop(): Promise<void>;
}

/** `env`: instead of this process' own. */
export async function startHelper(
  onBatch?: (batch: Uint8Array, session: number) => void,
  env?: NodeJS.ProcessEnv,
): Promise<RunningHelper> {
  const child = spawnHelper(env);
  const events: RawEvent[] = [];
  const ended: TargetEndedParams[] = [];
  let errors = "";
  child.stderr?.on("data", (text) => (errors += String(text)));
  if (!child.stdin || !child.stdout) throw new Error("no pipes");
  const keep = (batch: Uint8Array): void => decodeRecords(Uint8Array.from(batch), (event) => events.push(event));
  const client: HelperClient = connectHelper(child.stdout, child.stdin, {
    onRecords: (batch, session) => {
      (onBatch ?? keep)(batch, session);
      client.taken(session, batch.length);
    },
    onTargetEnded: (params) => ended.push(params),
    onClose: () => {},
  });
  const exited = once(child, "exit");
  await client.initialize();
  const stop = async (): Promise<void> => {
    client.dispose();
    await exited;
  };
  return { client, child, events, ended, exited, stderr: () => errors, stop };
}

export function spawnHelper(env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(LAUNCHER, [process.execPath, HELPER], { stdio: ["pipe", "pipe", "pipe"], env });
}
