import { grown, RowIndex } from "../flow/index.ts";

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

  /** The value of the address whose four words begin at `words[at]`, as FlowBatch has them; 0 when there is none. */
  get(words: Uint32Array, at: number): number {
    this.#writeProbe(words, at);
    const row = this.#index.find();
    return row < 0 ? 0 : this.#values[row]!;
  }

  set(words: Uint32Array, at: number, value: number): void {
    this.#writeProbe(words, at);
    const row = this.#index.findOrAdd();
    if (row >= this.#values.length) this.#values = grown(this.#values, this.#values.length * 2);
    this.#values[row] = value;
  }

  clear(): void {
    this.#index.clear();
  }

  #writeProbe(words: Uint32Array, at: number): void {
    const { probe } = this.#index;
    probe[0] = words[at]!;
    probe[1] = words[at + 1]!;
    probe[2] = words[at + 2]!;
    probe[3] = words[at + 3]!;
  }
}

const scratch = new Uint32Array(4);
const scratchBytes = new Uint8Array(scratch.buffer);

/** The four words of the address at `bytes[offset]`; valid until the next call. */
export function addressWords(bytes: Uint8Array, offset: number): Uint32Array {
  for (let i = 0; i < 16; i++) scratchBytes[i] = bytes[offset + i]!;
  return scratch;
}
