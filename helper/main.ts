/**
 * The helper: the only privileged process. It checks and carries out the requests of one peer, who is on the other end
 * of stdin and stdout, and ends with it. It parses nothing but /proc and its own messages.
 */
import "../src/protocol/noInspector.ts";
import "../src/protocol/promptExit.ts";
import { existsSync, fstatSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { connectFrames } from "../src/protocol/connection.ts";
import { encodeRecordsHeader } from "../src/protocol/frames.ts";
import { AnswerRoom } from "./answerRoom.ts";
import { Helper } from "./helper.ts";
import { Turns } from "./turns.ts";

/**
 * Probes hang on processes of their own; the helper waits this long for their end before it ends itself. The kernel takes
 * its time with thousands of them, under a busy target.
 */
const GOODBYE_MS = 60_000;
/**
 * SIGTERM to a whole group (timeout(1), the stop of a service) reaches the peer, too: it asks for the final counters and
 * closes the stream. The probes go at once, the helper after this long if the peer is silent.
 */
const PEER_FIRST_MS = 2_000;

const output = openOutput();
const turns = new Turns((session, batch, done) => {
  output.cork();
  output.write(encodeRecordsHeader(session, batch.length));
  output.write(batch, done);
  output.uncork();
});
const answers = new AnswerRoom(process.stdin, output);
const helper = new Helper({
  /** dist/ of the package, from the bundle and from the source alike. */
  packageDirectory: ["./", "../dist/"]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(`${path}probelens.bpf.o`)),
  sendRecords: turns.send,
  roomForAnswer: () => answers.enter(),
  notify: (method, params) => void rpc.sendNotification(method, params).catch(() => {}),
  notice: (message) => void process.stderr.write(`probelens-helper: ${message}\n`),
});

const { rpc } = connectFrames(
  process.stdin,
  output,
  () => shutDown("the peer sent event records"),
  (error) => shutDown(error?.message),
);
helper.register(rpc);
output.on("error", () => shutDown());
output.on("close", () => shutDown());
let terminated: NodeJS.Timeout | undefined;
process.on("SIGTERM", () => {
  helper.letGo();
  terminated ??= setTimeout(shutDown, PEER_FIRST_MS);
});
// A terminal sends these to every process before it. What they mean is the peer's business: it asks for the final
// counters, closes the stream, and with that ends the helper.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
// A peer that is gone is no complaint: its end of the stream tells.
rpc.onError(([error]) => shutDown((error as NodeJS.ErrnoException).code === "EPIPE" ? undefined : error.message));
process.on("uncaughtException", (error) => shutDown(`a defect of Probelens, please report it: ${error.message}`));
rpc.listen();

let ending = false;
/** With a reason: the peer did something that it must not. */
function shutDown(reason?: string): void {
  if (ending) return;
  ending = true;
  if (reason !== undefined) process.stderr.write(`probelens-helper: ${reason}\n`);
  // Even if waiting fails, exiting closes the holders' input and with it removes every probe.
  setTimeout(() => process.exit(1), GOODBYE_MS).unref();
  void helper.dispose().finally(() => process.exit(reason === undefined ? 0 : 1));
}

/** Node would make writes to a pipe block, and a peer that does not read would block signals too. */
function openOutput(): Writable {
  const stat = fstatSync(1);
  return stat.isFIFO() || stat.isSocket() ? new Socket({ fd: 1, readable: false, writable: true }) : process.stdout;
}
