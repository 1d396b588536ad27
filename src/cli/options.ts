/** A small option parser: tables of options in, checked values or a usage error (status 2) out. */
import { usage } from "./failures.ts";

export interface OptionSpec {
  /** With its dashes: `--limit`. */
  readonly name: string;
  /** `names`: some of them, with commas between; may be given several times. */
  readonly kind: "flag" | "text" | "names" | "integer" | "number" | "choice";
  /** Of a number, both included. */
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  /** Beside a number: these words. */
  readonly words?: readonly string[];
  /** What may stand after a number: `/s`. */
  readonly suffix?: string;
  /** For the help text. */
  readonly value?: string;
  readonly help: string;
}

export interface CommandSpec {
  readonly name: string;
  readonly options: readonly OptionSpec[];
  /** Names of the positional arguments; the last one repeats where it ends in `...`. Square brackets: may be left out. */
  readonly positionals: readonly string[];
  /** What follows `--` is a command line of its own. */
  readonly takesCommand?: boolean;
}

export interface ParsedOptions {
  readonly flags: ReadonlySet<string>;
  readonly texts: ReadonlyMap<string, string>;
  readonly numbers: ReadonlyMap<string, number>;
  readonly names: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  readonly command: readonly string[] | undefined;
  readonly help: boolean;
}

export function parseOptions(spec: CommandSpec, argv: readonly string[]): ParsedOptions {
  const flags = new Set<string>();
  const texts = new Map<string, string>();
  const numbers = new Map<string, number>();
  const names = new Map<string, readonly string[]>();
  const positionals: string[] = [];
  let command: string[] | undefined;
  let help = false;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? "";
    if (word === "--") {
      const rest = argv.slice(index + 1);
      if (spec.takesCommand === true) command = [...rest];
      else positionals.push(...rest);
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      positionals.push(word);
      continue;
    }
    const equals = word.indexOf("=");
    const name = equals < 0 ? word : word.slice(0, equals);
    if (name === "-h" || name === "--help") {
      if (equals >= 0) throw usage(spec, name, "it takes no value");
      help = true;
      continue;
    }
    const option = spec.options.find((candidate) => candidate.name === name);
    if (option === undefined) throw usage(spec, word, "there is no such option");
    if (flags.has(name) || texts.has(name) || numbers.has(name)) throw usage(spec, name, "it is given twice");
    if (option.kind === "flag") {
      if (equals >= 0) throw usage(spec, name, "it takes no value");
      flags.add(name);
      continue;
    }
    let value = word.slice(equals + 1);
    if (equals < 0) {
      const next = argv[index + 1];
      if (next === undefined) throw usage(spec, name, `it needs a value (${option.value})`);
      if (next.startsWith("--"))
        throw usage(spec, name, `it needs a value (${option.value}); one that begins with -- is written ${name}=--…`);
      value = next;
      index += 1;
    }
    if (option.kind === "names")
      names.set(name, [...(names.get(name) ?? []), ...textValue(spec, option, value).split(",")]);
    else if (option.words?.includes(value) === true) texts.set(name, value);
    else if (option.kind === "integer" || option.kind === "number") numbers.set(name, numberValue(spec, option, value));
    else texts.set(name, textValue(spec, option, value));
  }
  if (!help) checkPositionals(spec, positionals);
  return { flags, texts, numbers, names, positionals, command, help };
}

/** Throws where more than one of these options (or what stands for one) is given, or none. */
export function exactlyOne(spec: CommandSpec, given: readonly string[], all: string): void {
  if (given.length === 0) throw usage(spec, "", `${all} is needed`);
  if (given.length > 1) throw usage(spec, given.join(" and "), "they exclude each other");
}

function numberValue(spec: CommandSpec, option: OptionSpec, text: string): number {
  const { name, min = -Infinity, max = Infinity, suffix = "", kind } = option;
  const plain = suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  const form = kind === "integer" ? /^[+-]?\d{1,30}$/ : /^[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})$/;
  const noun = kind === "integer" ? "a whole number" : "a number";
  const words = (option.words ?? []).map((word) => `, or ${word}`).join("");
  if (!form.test(plain))
    throw usage(spec, `${name} ${JSON.stringify(text)}`, `it must be ${noun} from ${min} to ${max}${words}`);
  const value = Number(plain);
  if (value < min || value > max)
    throw usage(spec, `${name} ${text}`, `out of range: it must be ${noun} from ${min} to ${max}`);
  return value;
}

function textValue(spec: CommandSpec, option: OptionSpec, value: string): string {
  const { name, choices } = option;
  if (choices !== undefined && !choices.includes(value)) {
    throw usage(spec, `${name} ${JSON.stringify(value)}`, `it must be one of ${choices.join(", ")}`);
  }
  if (value === "") throw usage(spec, name, "its value is empty");
  if (value.includes("\0")) throw usage(spec, name, "its value holds a NUL byte");
  return value;
}

function checkPositionals(spec: CommandSpec, given: readonly string[]): void {
  const last = spec.positionals.at(-1);
  const required = spec.positionals.filter((name) => !name.startsWith("["));
  const repeats = last?.includes("...") === true;
  if (given.length < required.length) throw usage(spec, "", `${required[given.length]?.replace("...", "")} is missing`);
  const extra = given[spec.positionals.length];
  if (!repeats && extra !== undefined) throw usage(spec, JSON.stringify(extra), "there is one argument too many");
}

/** `list` and `inspect` look at one program. */
export function checkTarget(spec: CommandSpec, parsed: ParsedOptions): void {
  const given = ["--pid", "--binary"].filter((name) => parsed.numbers.has(name) || parsed.texts.has(name));
  exactlyOne(spec, given, "--pid PID or --binary FILE");
}
