/** Random Go types, named or not, and random values of them as Go expressions. */
import type { Random } from "../fuzz/random.ts";

export interface RandomType {
  /** As Go source. */
  readonly text: string;
  readonly comparable: boolean;
  /** An expression that may be assigned to a variable of the type; another one each time. */
  value(): string;
}

/** Types nest so deep; values of every depth stay within one event. */
const MAX_DEPTH = 3;
const MAX_ITEMS = 5;
const MAX_FIELDS = 5;
/** Maps of 8 and fewer entries have another layout than larger ones. */
const MAX_ENTRIES = 12;

export class RandomTypes {
  /** Of the named types among those given out. */
  readonly declarations: string[] = [];
  readonly #random: Random;
  #names = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(depth = MAX_DEPTH): RandomType {
    const made = depth === 0 || this.#random.once(4) ? this.#scalar() : this.#composite(depth);
    return this.#random.once(4) ? this.#named(made) : made;
  }

  /** The value as an expression of just its type, whatever it would be by itself. */
  variable(type: RandomType): string {
    const v = this.#fresh();
    return `func() ${type.text} { var ${v} ${type.text} = ${type.value()}; return ${v} }()`;
  }

  /** A name that no other variable has: compilers up to 1.20 mix up those of nested function literals. */
  #fresh(): string {
    this.#names += 1;
    return `v${this.#names}`;
  }

  #named(made: RandomType): RandomType {
    // A pointer's or interface's name is not written in its value's text.
    if (/^\*|^interface|^error|^unsafe|^time/.test(made.text)) return made;
    const name = `R${this.declarations.length}`;
    this.declarations.push(`type ${name} ${made.text}`);
    return { text: name, comparable: made.comparable, value: () => `${name}(${made.value()})` };
  }

  #scalar(): RandomType {
    const random = this.#random;
    const integer = (text: string, bits: number, signed: boolean) =>
      this.#of(text, () => `${text}(${this.#integer(bits, signed)})`);
    switch (random.below(13)) {
      case 0:
        return this.#of("bool", () => random.pick(["true", "false"]));
      case 1:
        return this.#of("string", () =>
          JSON.stringify(random.pick(["", "a", "héllo", '\t"', "x".repeat(random.below(400))])),
        );
      case 2:
        return this.#of("float64", () => this.#float());
      case 3:
        return this.#of("float32", () => `float32(${this.#float()})`);
      case 4:
        return this.#of("complex128", () => `complex(${this.#float()}, ${this.#float()})`);
      case 5:
        return this.#of("time.Duration", () => `time.Duration(${this.#integer(48, true)})`);
      case 6:
        return this.#of("uintptr", () => `uintptr(${this.#integer(40, false)})`);
      default: {
        const [text, bits] = random.pick([
          ["int8", 8],
          ["int16", 16],
          ["int32", 32],
          ["int64", 64],
          ["int", 64],
        ] as const);
        return random.once(2) ? integer(text, bits, true) : integer(`u${text}`, bits, false);
      }
    }
  }

  #composite(depth: number): RandomType {
    const random = this.#random;
    switch (random.below(10)) {
      case 0:
      case 1:
        return this.#struct(depth);
      case 2:
        return this.#pointer(this.next(depth - 1));
      case 3: {
        const elem = this.next(depth - 1);
        return {
          text: `[]${elem.text}`,
          comparable: false,
          value: () => (random.once(6) ? "nil" : `[]${elem.text}{${this.#items(random.below(MAX_ITEMS), elem)}}`),
        };
      }
      case 4: {
        const elem = this.next(depth - 1);
        const length = random.below(4);
        const text = `[${length}]${elem.text}`;
        return { text, comparable: elem.comparable, value: () => `${text}{${this.#items(length, elem)}}` };
      }
      case 5:
        return this.#map(depth);
      case 6:
        return this.#channel(this.next(depth - 1));
      case 7:
        return {
          text: "func(int) string",
          comparable: false,
          value: () => random.pick(["nil", "plainHandler", "twice"]),
        };
      case 8:
        return this.#of("error", () =>
          random.pick(["nil", "errPlain", "MyError{1, `m`}", "&PtrError{`p`}", "&Wrapped{`w`, errPlain}"]),
        );
      default: {
        const held = this.next(depth - 1);
        return {
          text: "interface{}",
          // Keys whose dynamic type is not comparable panic.
          comparable: false,
          value: () => (random.once(6) ? "nil" : `interface{}(${this.variable(held)})`),
        };
      }
    }
  }

  #struct(depth: number): RandomType {
    const fields = Array.from({ length: this.#random.below(MAX_FIELDS + 1) }, (_, at) => ({
      name: this.#random.once(8) ? "_" : `F${at}`,
      type: this.next(depth - 1),
    }));
    const text = `struct { ${fields.map(({ name, type }) => `${name} ${type.text}`).join("; ")} }`;
    const shown = fields.filter(({ name }) => name !== "_");
    return {
      text,
      comparable: fields.every(({ type }) => type.comparable),
      value: () => `${text}{${shown.map(({ name, type }) => `${name}: ${type.value()}`).join(", ")}}`,
    };
  }

  #pointer(elem: RandomType): RandomType {
    const text = `*${elem.text}`;
    return this.#of(text, () => {
      if (this.#random.once(5)) return "nil";
      const v = this.#fresh();
      return `func() ${text} { var ${v} ${elem.text} = ${elem.value()}; return &${v} }()`;
    });
  }

  #map(depth: number): RandomType {
    let key = this.next(depth - 1);
    while (!key.comparable) key = this.#scalar();
    const elem = this.next(depth - 1);
    const text = `map[${key.text}]${elem.text}`;
    const entry = (map: string) => {
      const k = this.#fresh();
      return `var ${k} ${key.text} = ${key.value()}; ${map}[${k}] = ${elem.value()}`;
    };
    return {
      text,
      comparable: false,
      value: () => {
        if (this.#random.once(6)) return "nil";
        const map = this.#fresh();
        const entries = Array.from({ length: this.#random.below(MAX_ENTRIES) }, () => entry(map));
        return `func() ${text} { ${[`${map} := ${text}{}`, ...entries, `return ${map}`].join("; ")} }()`;
      },
    };
  }

  #channel(elem: RandomType): RandomType {
    const text = `chan ${elem.text}`;
    return this.#of(text, () => {
      if (this.#random.once(6)) return "nil";
      const capacity = this.#random.below(MAX_ITEMS);
      const taken = this.#random.below(capacity + 1);
      const c = this.#fresh();
      const sends = (count: number) => Array.from({ length: count }, () => `${c} <- ${elem.value()}`);
      const steps = [
        `${c} := make(${text}, ${capacity})`,
        ...sends(taken),
        ...Array<string>(taken).fill(`<-${c}`),
        ...sends(this.#random.below(capacity + 1)),
      ];
      if (this.#random.once(4)) steps.push(`close(${c})`);
      return `func() ${text} { ${[...steps, `return ${c}`].join("; ")} }()`;
    });
  }

  #items(count: number, elem: RandomType): string {
    return Array.from({ length: count }, () => elem.value()).join(", ");
  }

  #of(text: string, value: () => string): RandomType {
    return { text, comparable: true, value };
  }

  #integer(bits: number, signed: boolean): string {
    const random = this.#random;
    const full = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
    // Few bits as often as many.
    const value = BigInt.asUintN(1 + random.below(bits), full);
    return String(signed ? BigInt.asIntN(bits, value) : value);
  }

  #float(): string {
    const random = this.#random;
    const sign = random.once(2) ? "-" : "";
    return random.pick([
      "0.5",
      "math.Inf(1)",
      "math.NaN()",
      "0",
      `${sign}${random.below(1 << 30)}e${random.below(40) - 25}`,
    ]);
  }
}
