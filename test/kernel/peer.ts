/** A peer of its own to be killed: attaches to main.add of the process given, says "attached", and stays. */
import { startHelper } from "./helperProcess.ts";
import { attachAdd, buildHits, processTarget } from "./hits.ts";

const helper = await startHelper();
await helper.client.attach(attachAdd(buildHits(), processTarget(Number(process.argv[2])), { returns: true }));
console.log(`attached ${helper.child.pid}`);
