/**
 * What the helper accepts: every request is checked against these before anything is done with it. Bounds that need
 * more than one field (plans, tables) are checked where the plan is encoded (`capture.ts`, `captureTypes.ts`).
 */
import * as v from "valibot";
import { MAX_BUDGET, MIN_BUDGET } from "./budget.ts";
import {
  CAPTURE_REGISTERS,
  FLOAT_REGISTERS,
  MAX_CAPTURE_DEPTH,
  MAX_EVENT_BYTES,
  MAX_ROOT_PIECES,
  MAX_STACK_PIECE,
} from "./capture.ts";
import { MAX_TYPE_SLOTS } from "./captureTypes.ts";
import {
  CONDITION_OPS,
  MAX_CONDITION_CONSTANTS,
  MAX_CONDITION_INSTRUCTIONS,
  MAX_CONDITION_TEXT,
  MAX_REASONS,
  MAX_SCREEN_TESTS,
  ORDER,
  TEST_PLACES,
} from "./condition.ts";
import { ERROR_CODES } from "./errors.ts";
import { MAX_READ_BYTES, MAX_TABLE_PART_BYTES } from "./helperApi.ts";
import { MAX_PROBES } from "./layout.ts";

/** Linux: PATH_MAX, with its NUL. */
const MAX_PATH_BYTES = 4095;
/** Linker names of generic instances are long; longer ones are cut by the sender, they only go to the log. */
const MAX_NAME_LENGTH = 4096;
/** include/linux/threads.h: PID_MAX_LIMIT. */
const PID_MAX_LIMIT = 1 << 22;
/** Bytes of one instruction at the most (x86). */
const MAX_INSTRUCTION_BYTES = 15;
/** Code pages asked for at once, for a live view of one function. */
const MAX_CODE_BYTES = 64 << 10;

const uint32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));
const int32 = v.pipe(v.number(), v.integer(), v.minValue(-0x80000000), v.maxValue(0x7fffffff));
const pid = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(PID_MAX_LIMIT));
const fileOffset = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
/** Field 22 of /proc/PID/stat: clock ticks since boot. */
const startTime = v.pipe(v.string(), v.regex(/^[0-9]{1,20}$/));
const path = v.pipe(v.string(), v.startsWith("/"), v.maxBytes(MAX_PATH_BYTES), v.excludes("\0"));
const hex = v.pipe(
  v.string(),
  v.regex(/^(?:[0-9a-f]{2})+$/, "must be hex digits"),
  v.maxLength(2 * MAX_INSTRUCTION_BYTES),
);

/** The length is looked at before the first item is. */
function list<S extends v.GenericSchema>(item: S, most: number, least = 0) {
  const fits = (value: unknown): boolean => Array.isArray(value) && value.length >= least && value.length <= most;
  return v.pipe(v.custom<unknown[]>(fits, `must be a list of ${least} to ${most} items`), v.array(item));
}

const rootPiece = v.variant("kind", [
  v.strictObject({ kind: v.literal("register"), register: v.picklist(CAPTURE_REGISTERS) }),
  v.strictObject({ kind: v.literal("float"), register: v.picklist(FLOAT_REGISTERS) }),
  v.strictObject({
    kind: v.literal("stack"),
    offset: int32,
    size: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_STACK_PIECE)),
  }),
  v.strictObject({ kind: v.literal("dictionary") }),
]);

const tablePart = v.exactOptional(
  v.pipe(v.string(), v.maxLength(Math.ceil(MAX_TABLE_PART_BYTES / 3) * 4), v.base64("must be base64")),
);
const tableParts = v.strictObject({
  types: tablePart,
  slots: tablePart,
  masks: tablePart,
  runtimeTypes: tablePart,
  closures: tablePart,
});

const byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xff));
const uint16 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff));
const word = v.pipe(v.string(), v.regex(/^[0-9a-f]{1,16}$/));
/** What fields of an instruction allow of each other: conditionFault. */
const condition = v.strictObject({
  screen: v.pipe(
    v.array(
      v.strictObject({
        place: v.picklist(TEST_PLACES),
        from: byte,
        offset: int32,
        width: byte,
        passes: v.pipe(byte, v.maxValue(ORDER.less | ORDER.equal | ORDER.greater)),
        or: v.boolean(),
        lost: v.boolean(),
        constant: word,
      }),
    ),
    v.maxLength(MAX_SCREEN_TESTS),
  ),
  cameBack: int32,
  instructions: v.pipe(
    v.array(
      v.strictObject({
        op: v.picklist(CONDITION_OPS),
        dst: byte,
        a: byte,
        b: byte,
        width: byte,
        reason: v.pipe(byte, v.maxValue(MAX_REASONS)),
        fault: v.pipe(byte, v.maxValue(MAX_REASONS)),
        length: uint16,
        extra: uint16,
        imm: int32,
      }),
    ),
    v.minLength(1),
    v.maxLength(MAX_CONDITION_INSTRUCTIONS),
  ),
  constants: v.pipe(v.array(word), v.maxLength(MAX_CONDITION_CONSTANTS)),
  text: v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})*$/), v.maxLength(2 * MAX_CONDITION_TEXT)),
});

const probe = v.strictObject({
  id: uint32,
  role: v.picklist(["entry", "return", "goexit", "resume", "sigtrampgo"]),
  entryId: v.exactOptional(uint32),
  offset: fileOffset,
  address: v.exactOptional(fileOffset),
  expected: hex,
  cfaOffset: int32,
  skipIfBelowOrEqual: v.boolean(),
  trap: v.exactOptional(v.picklist(["emulated", "stepped"])),
  resume: v.exactOptional(v.strictObject({ ip: v.pipe(v.array(int32), v.maxLength(2)), sp: int32 })),
  plan: v.strictObject({
    pieces: list(rootPiece, MAX_ROOT_PIECES),
    rootType: v.exactOptional(uint32),
    dictionary: v.exactOptional(
      v.strictObject({
        table: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(0xffff)),
        at: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_EVENT_BYTES)),
      }),
    ),
    maxBytes: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_EVENT_BYTES))),
    earlySlots: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_TYPE_SLOTS))),
    maxDepth: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_CAPTURE_DEPTH))),
  }),
  rate: v.exactOptional(v.pipe(v.number(), v.finite(), v.minValue(0.001), v.maxValue(1e9))),
  pairReturns: v.boolean(),
  condition: v.exactOptional(condition),
  parks: v.exactOptional(v.boolean()),
});

/** A year; also what keeps the holder's arithmetic in nanoseconds within 64 bits. */
const MAX_EXPIRY_MS = 366 * 24 * 3600 * 1000;
const expiresInMs = v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_EXPIRY_MS)));

export const HELPER_SCHEMAS = {
  initialize: v.strictObject({ protocolVersion: uint32 }),
  attach: v.strictObject({
    session: uint32,
    expiresInMs,
    budget: v.exactOptional(v.pipe(v.number(), v.minValue(MIN_BUDGET), v.maxValue(MAX_BUDGET))),
    target: v.variant("kind", [
      v.strictObject({
        kind: v.literal("process"),
        pid,
        startTime,
        file: v.exactOptional(path),
        library: v.exactOptional(v.literal(true)),
      }),
      v.strictObject({ kind: v.literal("file"), file: path }),
    ]),
    goroutine: v.strictObject({
      source: v.picklist(["register", "tls"]),
      tlsOffset: int32,
      goidOffset: uint32,
      stackHiOffset: uint32,
      labelsOffset: v.exactOptional(uint32),
    }),
    faultIn: v.exactOptional(v.boolean()),
    probes: list(probe, MAX_PROBES, 1),
    functions: list(v.pipe(v.string(), v.maxLength(MAX_NAME_LENGTH)), MAX_PROBES),
    tables: v.exactOptional(tableParts),
  }),
  captureTables: v.strictObject({ session: uint32, tables: tableParts }),
  detach: v.strictObject({ session: uint32 }),
  extend: v.strictObject({ session: uint32, expiresInMs }),
  counters: v.strictObject({ session: uint32 }),
  taken: v.strictObject({ session: uint32, bytes: uint32 }),
  readFile: v.strictObject({
    pid,
    startTime,
    offset: fileOffset,
    length: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_READ_BYTES)),
  }),
  describeProcess: v.strictObject({ pid }),
  listProcesses: v.strictObject({}),
  readCode: v.strictObject({
    pid,
    startTime,
    fileOffset,
    length: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_CODE_BYTES)),
  }),
} as const;

export type HelperRequest = keyof typeof HELPER_SCHEMAS;

/** What the helper sends of its own accord; the peer checks it. */
export const targetEndedSchema = v.strictObject({
  session: uint32,
  pid,
  reason: v.picklist(["exited", "exec", "lost", "lease", "expired"]),
});

export const removedSchema = v.strictObject({
  session: uint32,
  probe: uint32,
  what: v.picklist(["returns", "calls", "captures"]),
  maxRate: v.exactOptional(v.number()),
  rate: v.number(),
  costPercent: v.number(),
  timeNs: v.pipe(v.string(), v.regex(/^[0-9]{1,19}$/)),
});

/** `data` of a JSON-RPC error: the fields of a UserError. */
export const errorDataSchema = v.object({
  code: v.picklist(ERROR_CODES),
  what: v.string(),
  why: v.string(),
  remedy: v.string(),
  exitStatus: v.exactOptional(v.picklist([1, 2])),
});

/** A received value may be as long as a frame. */
const MAX_ISSUE_CHARACTERS = 200;

/**
 * Checks what a peer has sent, up to the first thing that is wrong: a fault costs no more than a valid request.
 * `issue`: that thing, in words.
 */
export function checkRequest<M extends HelperRequest>(
  method: M,
  params: unknown,
): { readonly output: v.InferOutput<(typeof HELPER_SCHEMAS)[M]> } | { readonly issue: string } {
  const checked = v.safeParse(HELPER_SCHEMAS[method], params, { abortEarly: true });
  if (checked.success) return { output: checked.output };
  const [issue] = checked.issues;
  const where = v.getDotPath(issue);
  const text = where ? `${where}: ${issue.message}` : issue.message;
  return { issue: text.length > MAX_ISSUE_CHARACTERS ? `${text.slice(0, MAX_ISSUE_CHARACTERS)}…` : text };
}
