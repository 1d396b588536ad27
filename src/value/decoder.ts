/**
 * Types compiled into decoders: closures over offsets, made once for each type of a program when its first value is
 * met. A decoder turns captured bytes into a value's tree.
 */
import type { RuntimeFacts } from "../goabi/runtime/facts.ts";
import { WORD } from "../goabi/runtime/word.ts";
import type { IsSecretName } from "../goabi/secretNames.ts";
import { isShaped, undetermined } from "../goabi/shaped.ts";
import type { GoType, PointerType, StructType } from "../goabi/type.ts";
import type { Field } from "./api.ts";
import { channelDecoder } from "./channels.ts";
import { funcDecoder } from "./functions.ts";
import { interfaceDecoder } from "./interfaces.ts";
import { labelPairDecoder } from "./labelPair.ts";
import { mapDecoder } from "./maps.ts";
import { REDACTED } from "./memory.ts";
import { scalarDecoder, timeDecoder } from "./scalars.ts";
import { arrayDecoder, sliceDecoder } from "./sequences.ts";
import { absent, type Compile, type Decode, unavailable } from "./walk.ts";

export class Decoders {
  readonly #facts: RuntimeFacts;
  readonly #isSecret: IsSecretName;
  readonly #decoders = new WeakMap<GoType, Decode>();

  constructor(facts: RuntimeFacts, isSecret: IsSecretName) {
    this.#facts = facts;
    this.#isSecret = isSecret;
  }

  readonly of: Compile = (type) => {
    let decode = this.#decoders.get(type);
    if (decode === undefined) {
      decode = this.#compile(type);
      this.#decoders.set(type, decode);
    }
    return decode;
  };

  /** The decoder of a parameter, result, captured variable or field of this name. */
  named(name: string, type: GoType): Decode {
    return this.#isSecret(name) ? () => absent(type, REDACTED) : this.of(type);
  }

  #compile(type: GoType): Decode {
    // A variable that a literal in a generic function has captured.
    if (isShaped(type)) return this.of(undetermined(type));
    switch (type.kind) {
      case "unknown":
        return () => unavailable(type, type.reason);
      case "ptr":
        return this.#pointer(type);
      case "struct":
        return timeDecoder(type) ?? labelPairDecoder(type, this.of, this.#isSecret) ?? this.#struct(type);
      case "array":
        return arrayDecoder(type, this.of);
      case "slice":
        return sliceDecoder(type, this.of);
      case "map":
        return mapDecoder(type, this.#facts.maps, this.of, this.#isSecret);
      case "chan":
        return channelDecoder(type, this.#facts.chan, this.of);
      case "func":
        return funcDecoder(type, (variable) => this.named(variable.name, variable.type));
      case "interface":
        return interfaceDecoder(type, this.of);
      default:
        return scalarDecoder(type);
    }
  }

  #pointer(type: PointerType): Decode {
    const { name, kind } = type;
    return (at, offset, walk) => {
      const missing = at.missing(offset, WORD);
      if (missing !== undefined) return absent(type, missing);
      const address = at.word(offset);
      if (address === 0) return { type: name, kind, nil: true };
      const elem = walk.pointee(type.elem, address, this.of(type.elem));
      const head = { type: name, kind, address: at.hexWord(offset) };
      return elem === undefined ? head : { ...head, elem };
    };
  }

  #struct(type: StructType): Decode {
    const { name, kind } = type;
    let fields: readonly {
      readonly name: string;
      readonly offset: number;
      readonly type: GoType;
      readonly decode: Decode;
    }[];
    return (at, offset, walk) => {
      fields ??= type.fields.map((field) => ({ ...field, decode: this.named(field.name, field.type) }));
      return walk.inside(type, () => {
        const values: Field[] = [];
        for (const field of fields) {
          const full = walk.part();
          const value = full === undefined ? field.decode(at, offset + field.offset, walk) : absent(field.type, full);
          values.push({ name: field.name, value });
          if (full !== undefined) break;
        }
        return { type: name, kind, fields: values };
      });
    };
  }
}
