/** The way through one value: how many pointers were followed, what lies on the path, how much was written. */
import type { ValueResolver } from "../goabi/resolver.ts";
import type { GoType } from "../goabi/type.ts";
import type { CaptureLimits } from "../probe/api.ts";
import type { Value } from "./api.ts";
import { type CapturedMemory, EMPTY, type Missing, REDACTED, type Region } from "./memory.ts";

/** Decodes a value at an offset of a region. Never throws. */
export type Decode = (at: Region, offset: number, walk: Walk) => Value;
/** A type's decoder; asked for when the first value of that type is met, because types refer to themselves. */
export type Compile = (type: GoType) => Decode;

/** Parts of one value: zero-sized ones need no bytes and shared ones are shown often, so the event does not bound them. */
const MAX_PARTS = 10_000;
/** Characters of all strings in one value, for the same reason; a whole event has 16 384 bytes. */
const MAX_STRING_BYTES = 1 << 18;
/** Values inside values. A sound type nests far less; a damaged one may contain itself. */
const MAX_NESTING = 64;

/** Why types and functions cannot be named where the load bias is not known. */
export const NO_LOAD_BIAS = "it is not known where the program is loaded";
export const TOO_MANY: Missing = { reason: "the value has too many parts to show" };
const CONTAINS_ITSELF: Missing = { reason: "it contains itself" };

export class Walk {
  readonly memory: CapturedMemory;
  readonly limits: CaptureLimits;
  readonly resolver: ValueResolver;
  /** What the process's addresses are above those of the file; undefined where that is not known. */
  readonly loadBias: number | undefined;
  readonly #path: Step[] = [];
  #pointers = 0;
  #nesting = 0;
  #parts = 0;
  #stringBytes = 0;

  constructor(memory: CapturedMemory, limits: CaptureLimits, resolver: ValueResolver, loadBias: number | undefined) {
    this.memory = memory;
    this.limits = limits;
    this.resolver = resolver;
    this.loadBias = loadBias;
  }

  /** One more part; the reason where there is no room for it. */
  part(): Missing | undefined {
    return ++this.#parts > MAX_PARTS ? TOO_MANY : undefined;
  }

  stringBytes(count: number): Missing | undefined {
    this.#stringBytes += count;
    return this.#stringBytes > MAX_STRING_BYTES ? TOO_MANY : undefined;
  }

  /** Decodes the inside of a value. */
  inside(type: GoType, decode: () => Value): Value {
    if (this.#nesting >= MAX_NESTING) return absent(type, TOO_MANY);
    this.#nesting++;
    const value = decode();
    this.#nesting--;
    return value;
  }

  /**
   * What a pointer to `type` points to. Undefined where the pointer is shown as an address: the depth limit, a byte
   * limit or a cycle ends it.
   */
  pointee(type: GoType, address: number, decode: Decode): Value | undefined {
    if (this.#pointers >= this.limits.depth || this.#isOnPath(type, address)) return undefined;
    const region = type.size === 0 ? EMPTY : this.memory.at(address, Math.max(type.size, 1));
    if ("reason" in region) return region.limit === true ? undefined : absent(type, region);
    const { length, why } = region.run(type.size);
    const hasParts = type.kind === "struct" || type.kind === "array";
    // Each part knows what is missing of it: of a struct whose first field is a secret, that field.
    if (hasParts ? region.length < Math.min(type.size, 1) : length < type.size)
      return why.limit === true ? undefined : absent(type, why);
    this.#pointers++;
    this.#path.push({ address, type, pointer: true });
    const value = decode(region, 0, this);
    this.#path.pop();
    this.#pointers--;
    return value;
  }

  /**
   * The inside of a slice or map, whose storage may hold the same slice or map. Where a pointer leads back to it, that
   * pointer is the cycle.
   */
  storage(type: GoType, address: number, decode: () => Value): Value {
    const lastPointer = this.#path.findLastIndex(({ pointer }) => pointer);
    if (this.#isOnPath(type, address, lastPointer + 1)) return absent(type, CONTAINS_ITSELF);
    this.#path.push({ address, type, pointer: false });
    const value = this.inside(type, decode);
    this.#path.pop();
    return value;
  }

  /** From the `start`th step on. */
  #isOnPath(type: GoType, address: number, start = 0): boolean {
    for (let at = start; at < this.#path.length; at++) {
      const step = this.#path[at]!;
      if (step.address === address && isSame(step.type, type)) return true;
    }
    return false;
  }
}

interface Step {
  readonly address: number;
  readonly type: GoType;
  /** A pointer was followed; else it is the storage of a slice, map, channel or func. */
  readonly pointer: boolean;
}

/** Types from DWARF and from the runtime's descriptors are different objects. */
function isSame(a: GoType, b: GoType): boolean {
  return a === b || (a.name === b.name && a.size === b.size && a.kind === b.kind);
}

/** Of `length` parts, `shown` are shown: what the limit on their number cuts, and why others are missing. */
export function leftOut(
  length: number,
  limit: number,
  shown: number,
  why: Missing = TOO_MANY,
): Pick<Value, "cut" | "unavailable"> {
  const wanted = Math.min(length, limit);
  return {
    ...(length > wanted ? { cut: length - wanted } : {}),
    ...(shown < wanted ? { unavailable: why.reason } : {}),
  };
}

export function absent(type: GoType, missing: Missing): Value {
  const { name, kind } = type;
  if (missing === REDACTED || missing.redacted === true) return { type: name, kind, redacted: true };
  return { type: name, kind, unavailable: missing.reason };
}

export function unavailable(type: GoType, reason: string): Value {
  return { type: type.name, kind: type.kind, unavailable: reason };
}
