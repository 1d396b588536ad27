/** Types whose names and elements are read from their descriptors when they are asked for. */
import type { ChanType, GoType, StructField } from "../../goabi/type.ts";

export interface DescriptorSource {
  name(offset: number): string;
  linkName(offset: number): string | undefined;
  typeAtPointer(at: number): GoType;
}

/** Where a descriptor stands, and what it says of every type. */
export interface DescriptorHead {
  readonly source: DescriptorSource;
  /** From `moduledata.types`. */
  readonly offset: number;
  readonly size: number;
  readonly align: number;
}

/**
 * A type of which the name is decoded when it is asked for: of tens of thousands of types that can stand in interfaces,
 * a trace shows a few. One class for each set of properties, assigned one by one: `Object.assign` takes a large program
 * a tenth of a second.
 */
export class Described<Kind extends GoType["kind"] = GoType["kind"]> {
  readonly kind: Kind;
  readonly size: number;
  readonly align: number;
  /** Offset from `moduledata.types`. */
  readonly runtimeType: number;
  readonly #source: DescriptorSource;

  constructor(kind: Kind, { source, offset, size, align }: DescriptorHead) {
    this.kind = kind;
    this.size = size;
    this.align = align;
    this.runtimeType = offset;
    this.#source = source;
  }

  get name(): string {
    return this.#source.name(this.runtimeType);
  }

  get named(): boolean {
    return this.#source.linkName(this.runtimeType) !== undefined;
  }

  get linkName(): string {
    return this.#source.linkName(this.runtimeType) ?? this.name;
  }

  protected at(at: number): GoType {
    return this.#source.typeAtPointer(at);
  }
}

export class DescribedInterface extends Described<"interface"> {
  readonly empty: boolean;

  constructor(head: DescriptorHead, empty: boolean) {
    super("interface", head);
    this.empty = empty;
  }
}

export class DescribedArray extends Described<"array"> {
  readonly elem: GoType;
  readonly length: number;

  constructor(head: DescriptorHead, elem: GoType, length: number) {
    super("array", head);
    this.elem = elem;
    this.length = length;
  }
}

export class DescribedStruct extends Described<"struct"> {
  readonly fields: readonly StructField[];

  constructor(head: DescriptorHead, fields: readonly StructField[]) {
    super("struct", head);
    this.fields = fields;
  }
}

/** Pointers and slices; `elemAt`: where the pointer to the element's descriptor stands. */
export class Composite<Kind extends "ptr" | "slice" | "chan" | "map"> extends Described<Kind> {
  readonly #elemAt: number;

  constructor(kind: Kind, head: DescriptorHead, elemAt: number) {
    super(kind, head);
    this.#elemAt = elemAt;
  }

  get elem(): GoType {
    return this.at(this.#elemAt);
  }
}

export class DescribedChan extends Composite<"chan"> {
  readonly direction: ChanType["direction"];

  constructor(head: DescriptorHead, elemAt: number, direction: ChanType["direction"]) {
    super("chan", head, elemAt);
    this.direction = direction;
  }
}

export class DescribedMap extends Composite<"map"> {
  readonly #keyAt: number;

  constructor(head: DescriptorHead, elemAt: number, keyAt: number) {
    super("map", head, elemAt);
    this.#keyAt = keyAt;
  }

  get key(): GoType {
    return this.at(this.#keyAt);
  }
}
