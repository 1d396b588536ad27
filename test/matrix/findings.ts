/** What a comparison found: counts, and every difference under the name of its kind. */
export class Findings {
  readonly counts: Record<string, number> = {};
  readonly #kinds = new Map<string, string[]>();

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by;
  }
  differ(kind: string, detail: string): void {
    const list = this.#kinds.get(kind);
    if (list === undefined) this.#kinds.set(kind, [detail]);
    else list.push(detail);
  }
  of(kind: string): readonly string[] {
    return this.#kinds.get(kind) ?? [];
  }
  *kinds(): Iterable<{ kind: string; details: readonly string[] }> {
    for (const [kind, details] of this.#kinds) yield { kind, details };
  }
  /** One line of counts, then each kind with up to `examples` of its differences. */
  text(examples: number): string {
    const counts = Object.entries(this.counts).map(([name, n]) => `${n} ${name}`);
    const lines = [counts.join(", ")];
    for (const [kind, list] of this.#kinds) {
      lines.push(`  ${list.length} × ${kind}`);
      for (const detail of list.slice(0, examples)) lines.push(`      ${detail}`);
      if (list.length > examples) lines.push(`      … ${list.length - examples} more`);
    }
    return lines.join("\n");
  }
}

export function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
