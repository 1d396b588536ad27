/** Hears signals at once, because loading the rest takes longer than starting Node does. */
import "../protocol/noInspector.ts";
import "../protocol/promptExit.ts";
import { listenToSignals } from "./signals.ts";

listenToSignals();
await import("./main.ts");
