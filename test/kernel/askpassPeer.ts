/**
 * What the editor's server does, without the editor: an engine whose password prompt answers from the arguments.
 * `askpassPeer PID ANSWER...` prints what was asked and, when the probes are placed, "attached"; an answer `-` dismisses.
 */

import { createEngine } from "../../src/engine/engine.ts";
import { newJob } from "../../src/engine/job.ts";
import { UserError } from "../../src/protocol/errors.ts";

const [pid, ...answers] = process.argv.slice(2);
const engine = createEngine({
  passwordPrompt: async (prompt) => {
    console.log(`asked ${prompt}`);
    const answer = answers.shift();
    return answer === "-" ? undefined : answer;
  },
});
const trace = async (name: string): Promise<unknown> =>
  engine.trace(
    newJob(),
    { target: { kind: "process", pid: Number(pid) }, functions: [name], returns: false, secretNames: [] },
    { onEvents: () => {}, onEnd: () => {} },
  );
try {
  // At once, as two clicks in an editor: one helper and one question serve both.
  await Promise.all([trace("main.work"), trace("main.middle")]);
  console.log("attached");
} catch (error) {
  console.log(error instanceof UserError ? `${error.code}: ${error.why}` : `defect: ${String(error)}`);
}
await engine.dispose();
console.log("disposed");
