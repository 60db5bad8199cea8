import { grown, RowIndex, writeAddressWords } from "../flow/index.ts";

/**
 * A map from 16-byte addresses to small positive numbers; a look-up allocates nothing. The caller bounds what it puts in,
 * and `clear`s.
 */
export class AddressTable {
  readonly #index: RowIndex;
  #values: Uint32Array;

  /** `capacity`, a power of two, is how many there is room for at first. */
  constructor(capacity = 1024) {
    this.#index = new RowIndex(4, Number.MAX_SAFE_INTEGER, capacity);
    this.#values = new Uint32Array(capacity);
  }

  get count(): number {
    return this.#index.count;
  }

  /** The value of the address at `bytes[offset]`, 0 when there is none. */
  get(bytes: Uint8Array, offset: number): number {
    writeAddressWords(this.#index.probe, 0, bytes, offset);
    const row = this.#index.find();
    return row < 0 ? 0 : this.#values[row]!;
  }

  set(bytes: Uint8Array, offset: number, value: number): void {
    writeAddressWords(this.#index.probe, 0, bytes, offset);
    const row = this.#index.findOrAdd();
    if (row >= this.#values.length) this.#values = grown(this.#values, this.#values.length * 2);
    this.#values[row] = value;
  }

  clear(): void {
    this.#index.clear();
  }
}
