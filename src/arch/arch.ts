/** The machines that Go programs run on. */
import { AMD64 } from "./amd64.ts";
import type { Arch, Architecture } from "./architecture.ts";
import { ARM64 } from "./arm64.ts";

export type { Arch, Architecture } from "./architecture.ts";

export const ARCHITECTURES: Readonly<Record<Arch, Architecture>> = { amd64: AMD64, arm64: ARM64 };
