/** Types whose names and elements are read from their descriptors when they are asked for. */
import type { GoType } from "../../goabi/type.ts";

export interface DescriptorSource {
  name(offset: number): string;
  linkName(offset: number): string | undefined;
  typeAtPointer(at: number): GoType;
}

/**
 * A type of which the name is decoded when it is asked for: of tens of thousands of types that can stand in interfaces,
 * a trace shows a few.
 */
export class Described {
  readonly size: number;
  readonly align: number;
  /** Offset from `moduledata.types`. */
  readonly runtimeType: number;
  readonly #source: DescriptorSource;

  constructor(source: DescriptorSource, offset: number, size: number, align: number, rest: object) {
    this.#source = source;
    this.size = size;
    this.align = align;
    this.runtimeType = offset;
    Object.assign(this, rest);
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

export class Composite extends Described {
  readonly #elemAt: number;

  constructor(...[source, offset, size, align, rest, elemAt]: [...ConstructorParameters<typeof Described>, number]) {
    super(source, offset, size, align, rest);
    this.#elemAt = elemAt;
  }

  get elem(): GoType {
    return this.at(this.#elemAt);
  }
}

export class Keyed extends Composite {
  readonly #keyAt: number;

  constructor(
    ...[source, offset, size, align, rest, elemAt, keyAt]: [...ConstructorParameters<typeof Composite>, number]
  ) {
    super(source, offset, size, align, rest, elemAt);
    this.#keyAt = keyAt;
  }

  get key(): GoType {
    return this.at(this.#keyAt);
  }
}
