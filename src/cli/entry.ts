#!/usr/bin/env node
/** What a shell starts: hears signals at once, because loading the rest takes longer than starting Node does. */
import { quitOnSignals } from "./signals.ts";

quitOnSignals();
await import("./main.ts");
