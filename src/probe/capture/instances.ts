/**
 * Generic functions: one body of code serves several instances, and which one a call is of, its dictionary tells (a
 * hidden parameter). So of the parts of a plan only the registers and stack pieces are the same for all calls; the types
 * of the values, and with them what their pointers lead to, are each instance's own.
 */

import type { IsSecretName } from "../../goabi/secretNames.ts";
import { DICTIONARY, fitsShape, isShaped, undetermined } from "../../goabi/shaped.ts";
import type { GoType } from "../../goabi/type.ts";
import type { DictionaryData, PlacedVariable } from "../../gobinary/api.ts";
import { MAX_EVENT_BYTES, MAX_ROOT_PIECES, type RootPiece, rootLayout } from "../../protocol/capture.ts";
import { RECORD } from "../../protocol/records.ts";
import type {
  CapturedPiece,
  CaptureLimits,
  EventPlan,
  GenericPlan,
  Instance,
  PlannedCapture,
  RegisterRefusal,
  WordPlace,
} from "../api.ts";
import { planCapture } from "./captureVariables.ts";
import type { ContextWord } from "./context.ts";

/** Of one function, known before it is called; programs have some hundred. Of others, pointers are not followed. */
const MAX_INSTANCES = 4096;
/** Instances that are remembered; a full table starts again. */
const MAX_REMEMBERED = 4096;

const ADDRESS: GoType = { kind: "uintptr", name: "uintptr", size: 8, align: 8, named: false };

export interface GenericEvents {
  readonly call: EventPlan;
  readonly return: EventPlan;
  readonly generic?: GenericPlan;
}

export interface EventsInput {
  /** Blank ones, too. */
  readonly params: readonly PlacedVariable[];
  /** Of the parameters. */
  readonly shown: readonly PlacedVariable[];
  readonly results: readonly PlacedVariable[];
  readonly limits: CaptureLimits;
  readonly isSecret: IsSecretName;
  /** Copied with each call. */
  readonly context: readonly ContextWord[];
  readonly dictionaries: DictionaryData | undefined;
  /** Which registers cannot be had. */
  readonly refused: { readonly call: RegisterRefusal; readonly return: RegisterRefusal };
}

/** The plans of a function's call and return. */
export function planEvents(input: EventsInput): GenericEvents {
  const { params, shown, results, limits, isSecret, context, dictionaries, refused } = input;
  const planReturn = (of: readonly PlacedVariable[]): EventPlan =>
    planCapture(of, limits, isSecret, [], refused.return);
  const hidden = params.find((param) => param.name === DICTIONARY);
  const isGeneric = [...shown, ...results].some(({ type }) => isShaped(type));
  if (!isGeneric || hidden === undefined || dictionaries === undefined)
    return {
      call: withoutShapes(planCapture(shown, limits, isSecret, context, refused.call)),
      return: withoutShapes(planReturn(results)),
    };
  // An address that is not followed: the file has what it points to.
  const planCall = (of: readonly PlacedVariable[]): EventPlan =>
    planCapture([{ ...hidden, type: ADDRESS }, ...of], limits, isSecret, context, refused.call);
  const withDictionary = planCall(shown);
  const call = withoutFirst(withDictionary);
  const back = planReturn(results);
  const word = wordOf(withDictionary.variables[0]!.pieces);
  if (word === undefined) return { call: withoutShapes(call), return: withoutShapes(back) };
  const backWord = wordBehind(back.capture.pieces);
  const make = (address: number): Instance | undefined => {
    const ofCall = instantiate(shown, address, dictionaries);
    const ofReturn = instantiate(results, address, dictionaries);
    if (ofCall === undefined || ofReturn === undefined) return undefined;
    const plans = { call: withoutFirst(planCall(ofCall)), return: planReturn(ofReturn) };
    if (!samePieces(plans.call, call) || !samePieces(plans.return, back)) return undefined;
    return { address, ...plans };
  };
  const instances = new Instances(make, dictionaries);
  return {
    call: {
      ...withoutShapes(call),
      capture: { ...call.capture, dictionary: { at: word.root, variants: () => instances.captures("call") } },
    },
    return:
      backWord === undefined
        ? withoutShapes(back)
        : {
            ...withoutShapes(back),
            capture: {
              ...back.capture,
              pieces: [...back.capture.pieces, { kind: "dictionary" }],
              dictionary: { at: backWord.root, variants: () => instances.captures("return") },
            },
          },
    generic: {
      dictionary: { call: word, ...(backWord === undefined ? {} : { return: backWord }) },
      instance: (address) => instances.at(address),
    },
  };
}

class Instances {
  private readonly make: (address: number) => Instance | undefined;
  private readonly dictionaries: DictionaryData;
  private readonly remembered = new Map<number, Instance | undefined>();
  private known: readonly Instance[] | undefined;

  constructor(make: (address: number) => Instance | undefined, dictionaries: DictionaryData) {
    this.make = make;
    this.dictionaries = dictionaries;
  }

  at(address: number): Instance | undefined {
    if (this.remembered.has(address)) return this.remembered.get(address);
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.clear();
    const instance = this.make(address);
    this.remembered.set(address, instance);
    return instance;
  }

  captures(event: "call" | "return"): { address: number; capture: PlannedCapture }[] {
    return this.all().map((instance) => ({ address: instance.address, capture: instance[event].capture }));
  }

  private all(): readonly Instance[] {
    if (this.known !== undefined) return this.known;
    const known: Instance[] = [];
    for (const address of this.dictionaries.candidates) {
      if (known.length >= MAX_INSTANCES) break;
      const instance = this.make(address);
      if (instance !== undefined) known.push(instance);
    }
    this.known = known;
    return known;
  }
}

/** The variables with the types that a dictionary gives; undefined where it cannot be one of this function. */
function instantiate(
  variables: readonly PlacedVariable[],
  dictionary: number,
  dictionaries: DictionaryData,
): PlacedVariable[] | undefined {
  const real: PlacedVariable[] = [];
  for (const variable of variables) {
    const { type } = variable;
    if (type.inDictionary === undefined) {
      real.push(isShaped(type) ? { ...variable, type: undetermined(type) } : variable);
      continue;
    }
    const found = dictionaries.typeAt(dictionary, type.inDictionary);
    if (found === undefined || !fitsShape(type, found)) return undefined;
    real.push({ ...variable, type: found });
  }
  return real;
}

/** For display: nothing is said of a value whose type is not known. */
export function withoutShapes(plan: EventPlan): EventPlan {
  if (!plan.variables.some(({ variable }) => isShaped(variable.type))) return plan;
  return {
    ...plan,
    variables: plan.variables.map((captured) => {
      const { variable } = captured;
      return isShaped(variable.type)
        ? { ...captured, variable: { ...variable, type: undetermined(variable.type) } }
        : captured;
    }),
  };
}

function withoutFirst(plan: EventPlan): EventPlan {
  return { ...plan, variables: plan.variables.slice(1) };
}

function wordOf(pieces: readonly CapturedPiece[]): WordPlace | undefined {
  const [only] = pieces;
  if (pieces.length !== 1 || only?.root === undefined || only.piece === undefined || only.size !== 8) return undefined;
  return { root: only.root, piece: only.piece };
}

/** One more word behind these pieces; undefined where the plan has no room for it and one more (callers.ts). */
function wordBehind(pieces: readonly RootPiece[]): WordPlace | undefined {
  const { size } = rootLayout({ pieces });
  if (pieces.length + 2 > MAX_ROOT_PIECES || RECORD.size + size + 16 > MAX_EVENT_BYTES) return undefined;
  return { root: size, piece: pieces.length };
}

function samePieces(a: EventPlan, b: EventPlan): boolean {
  return JSON.stringify(a.capture.pieces) === JSON.stringify(b.capture.pieces);
}
