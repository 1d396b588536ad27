/** A peer of its own to be killed: attaches to main.add of the process given, says "attached", and tells of the end. */
import { until } from "../until.ts";
import { startHelper } from "./helperProcess.ts";
import { attachAdd, buildHits, processTarget } from "./hits.ts";

const helper = await startHelper();
await helper.client.attach(attachAdd(buildHits(), processTarget(Number(process.argv[2])), { returns: true }));
console.log(`attached ${helper.child.pid}`);
await until("the end is told", () => helper.ended.length > 0, 3_600_000);
console.log(helper.ended.map(({ reason }) => `ended: ${reason}`).join());
await helper.stop();
