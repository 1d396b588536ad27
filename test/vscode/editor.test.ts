/** The whole way in a real VS Code: from the click above a function to the live argument beside it. */
import { after, before, test } from "node:test";
import { type DemoProcess, makeWorkspace, removeWorkspace, startDemo, type Workspace } from "./demoTarget.ts";
import { runSuite } from "./runSuite.ts";

let workspace: Workspace;
let demo: DemoProcess;

before(async () => {
  workspace = makeWorkspace();
  demo = await startDemo(workspace);
});
after(() => {
  demo?.stop();
  if (workspace !== undefined) removeWorkspace(workspace);
});

void test("click Trace, see live arguments, click Stop", async () => {
  await runSuite({
    scenario: "clickThrough",
    setup: { folder: workspace.folder },
    env: { PROBELENS_TEST_TARGET: demo.info },
  });
});

void test("no process, and a process that ends: the editor says what happened and what to do", async () => {
  const other = makeWorkspace("example.com/never-started");
  try {
    const env = { PROBELENS_TEST_TARGET: JSON.stringify({ file: other.file, binary: other.binary }) };
    await runSuite({ scenario: "failures", setup: { folder: other.folder }, env });
  } finally {
    removeWorkspace(other);
  }
});
