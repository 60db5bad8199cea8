/** Objects of one kind by key. A new list takes the place of the old one when it is whole: what it did not name is no more. */
export class Listed<T> {
  readonly #byKey = new Map<string, T>();
  #unseen: Set<string> | undefined;
  #isWhole = false;

  get count(): number {
    return this.#byKey.size;
  }

  /** Whether a whole list has been taken. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  get(key: string): T | undefined {
    return this.#byKey.get(key);
  }

  values(): IterableIterator<T> {
    return this.#byKey.values();
  }

  /** What was there before. */
  put(key: string, value: T): T | undefined {
    const before = this.#byKey.get(key);
    this.#byKey.set(key, value);
    this.#unseen?.delete(key);
    return before;
  }

  remove(key: string): T | undefined {
    const before = this.#byKey.get(key);
    this.#byKey.delete(key);
    return before;
  }

  begin(): void {
    this.#unseen = new Set(this.#byKey.keys());
  }

  /** Removes and gives what the list did not name. */
  end(): T[] {
    const gone = [...(this.#unseen ?? [])].map((key) => this.#byKey.get(key)!);
    for (const key of this.#unseen ?? []) this.#byKey.delete(key);
    this.#unseen = undefined;
    this.#isWhole = true;
    return gone;
  }
}
