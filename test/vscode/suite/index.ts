/** Entry of the tests inside the editor's extension host: `run` is what VS Code calls. */
import { clickThrough } from "./clickThrough.ts";
import { endDemo, failures } from "./failures.ts";
import { orders } from "./orders.ts";
import { ordinaryUser } from "./ordinaryUser.ts";
import { removal } from "./removal.ts";
import { runSteps, type Step } from "./steps.ts";

const SCENARIOS: Record<string, readonly Step[]> = { clickThrough, failures, orders, ordinaryUser, removal };

export async function run(): Promise<void> {
  const name = process.env["PROBELENS_TEST_SCENARIO"] ?? "clickThrough";
  const steps = SCENARIOS[name];
  if (steps === undefined) throw new Error(`no scenario ${name}`);
  try {
    await runSteps(name, steps);
  } finally {
    endDemo();
  }
}
