/** The whole way in a real VS Code: from the click above a function to the live argument beside it. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { DEFAULT_BUDGET } from "../../src/protocol/budget.ts";
import { buildGo } from "../programs/build.ts";
import {
  type DemoProcess,
  makeProgram,
  makeWorkspace,
  removeWorkspace,
  startDemo,
  type Workspace,
} from "./demoTarget.ts";
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

void test("a service with structs, maps, errors and contexts: its values are short where there is little room", async () => {
  const folder = fileURLToPath(new URL("../programs/orders", import.meta.url));
  const program = spawn(buildGo("orders"), { stdio: "ignore" });
  try {
    await runSuite({ scenario: "orders", setup: { folder }, env: { PROBELENS_TEST_FILE: join(folder, "orders.go") } });
  } finally {
    program.kill("SIGKILL");
  }
});

void test("a click on a function that is called without a pause: its probes are removed, and a message explains it", async () => {
  const { root, folder, binary } = makeProgram("flood");
  const program = spawn(binary, { stdio: ["pipe", "ignore", "inherit"] });
  program.stdin.write("hot on\n");
  try {
    await runSuite({
      scenario: "removal",
      setup: { folder, settings: { "probelens.budget": DEFAULT_BUDGET } },
      env: { PROBELENS_TEST_FILE: join(folder, "main.go") },
    });
  } finally {
    program.kill("SIGKILL");
    removeWorkspace({ root });
  }
});
