import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KERNELS, type KernelName, OutOfReach } from "./debianKernel.ts";
import { loadOnly } from "./loadOnly.ts";
import { BootFailure, missingTool } from "./machine.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { values: options } = parseArgs({
  options: {
    kernel: { type: "string", multiple: true, default: KERNELS },
    "load-only": { type: "boolean", default: false },
    object: { type: "string", default: join(ROOT, "dist/probelens.bpf.o") },
    config: { type: "string", default: "" },
    "log-lines": { type: "string", default: "400" },
  },
});
const missing = missingTool();
if (missing) throw new Error(`${missing} is missing`);
let failed = 0;
for (const kernel of options.kernel as KernelName[]) {
  const from = Date.now();
  const { text, refused } = await loadOnly(kernel, {
    object: options.object,
    config: options.config.split(",").filter((f) => f !== ""),
    logLines: Number(options["log-lines"]),
  });
  console.log(text);
  console.log(`${kernel}: ${refused} refused, ${((Date.now() - from) / 1000).toFixed(1)} s`);
  failed += refused;
}
process.exit(failed > 0 ? 1 : 0);
