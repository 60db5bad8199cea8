import { assert } from "./assert.ts";

/**
 * Of this process alone: keys come from the network, and whoever knew how they are mixed could choose many for one slot. Two
 * secret factors per word, since a difference in the highest bit passes through one of them, and through a shift, unchanged.
 */
const drawFactor = () => crypto.getRandomValues(new Int32Array(1))[0]! | 1;
// Pure: a program put together without an index does without what draws them.
const seed = /* @__PURE__ */ drawFactor();
const firstFactor = /* @__PURE__ */ drawFactor();
const secondFactor = /* @__PURE__ */ drawFactor();

const noRow = 0xffffffff;
/** Rows there is room for at first, unless the caller knows that there will be few. A power of two. */
const defaultCapacity = 1024;

/**
 * Row numbers for keys of a fixed number of 32-bit words, over typed arrays: a look-up allocates nothing. Rows are
 * numbered from 0 as they are added; whoever has columns beside the index grows them when a row is beyond their end.
 * `compact` closes the gaps of rows that are no longer wanted, so there are no tombstones. Bounded by `rowsMax`.
 *
 * The key is written into `probe` before each call.
 */
export class RowIndex {
  readonly probe: Uint32Array;
  readonly #words: number;
  readonly #rowsMax: number;
  #capacity: number;
  #keys: Uint32Array;
  #hashes: Uint32Array;
  /** Twice as many as rows, a power of two; linear probing. */
  #slots: Uint32Array;
  #count = 0;

  constructor(words: number, rowsMax: number, capacity = defaultCapacity) {
    this.#words = words;
    this.#rowsMax = rowsMax;
    this.#capacity = capacity;
    this.probe = new Uint32Array(words);
    this.#keys = new Uint32Array(capacity * words);
    this.#hashes = new Uint32Array(capacity);
    this.#slots = new Uint32Array(capacity * 2).fill(noRow);
  }

  get count(): number {
    return this.#count;
  }

  /** A word of a row's key. */
  word(row: number, index: number): number {
    return this.#keys[row * this.#words + index]!;
  }

  /** The row of the probe's key, or -1. */
  find(): number {
    const row = this.#slots[this.#slotOf(this.#hashProbe())]!;
    return row === noRow ? -1 : row;
  }

  /** The row of the probe's key; a new one is the old `count`; -1 when there is no room for another. */
  findOrAdd(): number {
    const hash = this.#hashProbe();
    const slot = this.#slotOf(hash);
    const known = this.#slots[slot]!;
    if (known !== noRow) return known;
    if (this.#count >= this.#rowsMax) return -1;
    const row = this.#count++;
    this.#keys.set(this.probe, row * this.#words);
    this.#hashes[row] = hash;
    this.#slots[slot] = row;
    if (this.#count === this.#capacity) this.#grow();
    return row;
  }

  /** Keeps the rows that `isWanted`, in their order; `move` is told where each that moves goes. */
  compact(isWanted: (row: number) => boolean, move: (from: number, to: number) => void): void {
    let kept = 0;
    for (let row = 0; row < this.#count; row++) {
      if (!isWanted(row)) continue;
      if (kept !== row) {
        this.#keys.copyWithin(kept * this.#words, row * this.#words, (row + 1) * this.#words);
        this.#hashes[kept] = this.#hashes[row]!;
        move(row, kept);
      }
      kept++;
    }
    if (kept === this.#count) return;
    this.#count = kept;
    this.#rebuildSlots();
  }

  clear(): void {
    this.#count = 0;
    this.#slots.fill(noRow);
  }

  #hashProbe(): number {
    const { probe } = this;
    let hash = seed;
    for (let i = 0; i < probe.length; i++) {
      const word = probe[i]!;
      if (word === 0) continue; // half of a mapped IPv4 address
      hash = Math.imul((hash + i) ^ word, firstFactor);
      hash = Math.imul(hash ^ (hash >>> 15), secondFactor);
    }
    hash = Math.imul(hash ^ (hash >>> 16), firstFactor);
    return (hash ^ (hash >>> 15)) >>> 0;
  }

  /** The slot that holds the probe's key, or the empty one where it would go. */
  #slotOf(hash: number): number {
    const slots = this.#slots;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot]!;
      if (row === noRow || (hashes[row] === hash && this.#isProbe(row))) return slot;
    }
  }

  #isProbe(row: number): boolean {
    const { probe } = this;
    const keys = this.#keys;
    const start = row * probe.length;
    for (let i = 0; i < probe.length; i++) if (keys[start + i] !== probe[i]) return false;
    return true;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#keys = grown(this.#keys, this.#capacity * this.#words);
    this.#hashes = grown(this.#hashes, this.#capacity);
    this.#slots = new Uint32Array(this.#capacity * 2);
    this.#rebuildSlots();
  }

  #rebuildSlots(): void {
    assert(this.#count < this.#slots.length, "slots are twice the rows");
    this.#slots.fill(noRow);
    const mask = this.#slots.length - 1;
    for (let row = 0; row < this.#count; row++) {
      let slot = this.#hashes[row]! & mask;
      while (this.#slots[slot] !== noRow) slot = (slot + 1) & mask;
      this.#slots[slot] = row;
    }
  }
}

type Column = Uint8Array | Uint16Array | Uint32Array | Float64Array;

/** The same column with room for `length` elements; the new ones are 0. */
export function grown<T extends Column>(column: T, length: number): T {
  const larger = new (column.constructor as new (length: number) => T)(length);
  larger.set(column);
  return larger;
}

/** Writes the four words of the address at `bytes[offset]` into a key. */
export function writeAddressWords(key: Uint32Array, at: number, bytes: Uint8Array, offset: number): void {
  for (let i = 0; i < 4; i++) {
    const from = offset + i * 4;
    key[at + i] =
      (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!;
  }
}
