#!/usr/bin/env node
/** What a shell starts: hears signals at once, because loading the rest takes longer than starting Node does. */
import { listenToSignals } from "./signals.ts";

listenToSignals();
await import("./main.ts");
