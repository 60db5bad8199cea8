/** What a message tells of a kind, by what it is about; the newest of each. Bounded by count and bytes: `set` says false to what finds no room. */
export class BoundedFacts<Fact> {
  readonly #countMax: number;
  readonly #bytesMax: number;
  readonly #bytesOf: (fact: Fact) => number;
  readonly #facts = new Map<string, Fact>();
  #bytes = 0;

  constructor(countMax: number, bytesMax: number, bytesOf: (fact: Fact) => number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
    this.#bytesOf = bytesOf;
  }

  get size(): number {
    return this.#facts.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  set(key: string, fact: Fact): boolean {
    const before = this.#facts.get(key);
    const more = this.#bytesOf(fact) - (before === undefined ? 0 : this.#bytesOf(before));
    if (before === undefined && this.#facts.size >= this.#countMax) return false;
    if (this.#bytes + more > this.#bytesMax) return false;
    this.#facts.set(key, fact);
    this.#bytes += more;
    return true;
  }

  /** All of them; it is empty then. */
  take(): Fact[] {
    const facts = [...this.#facts.values()];
    this.#facts.clear();
    this.#bytes = 0;
    return facts;
  }
}
