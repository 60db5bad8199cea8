/** Four words per address. */
const words = 4;

/**
 * A map from 16-byte addresses to small positive numbers, over typed arrays: a look-up allocates nothing. Grows by
 * doubling; the caller bounds what it puts in, and `clear`s.
 */
export class AddressTable {
  #keys = new Uint32Array(1024 * words);
  /** 0 marks an empty slot. */
  #values = new Uint32Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The value of the address at `bytes[offset]`, 0 when there is none. */
  get(bytes: Uint8Array, offset: number): number {
    return this.#values[
      this.#slotOf(
        wordAt(bytes, offset),
        wordAt(bytes, offset + 4),
        wordAt(bytes, offset + 8),
        wordAt(bytes, offset + 12),
      )
    ]!;
  }

  set(bytes: Uint8Array, offset: number, value: number): void {
    if (this.#count * 2 >= this.#values.length) this.#grow();
    const a = wordAt(bytes, offset);
    const b = wordAt(bytes, offset + 4);
    const c = wordAt(bytes, offset + 8);
    const d = wordAt(bytes, offset + 12);
    const slot = this.#slotOf(a, b, c, d);
    if (this.#values[slot] === 0) this.#count++;
    this.#values[slot] = value;
    this.#keys.set([a, b, c, d], slot * words);
  }

  clear(): void {
    this.#values.fill(0);
    this.#count = 0;
  }

  #slotOf(a: number, b: number, c: number, d: number): number {
    const mask = this.#values.length - 1;
    let hash =
      Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b) ^
      Math.imul(c ^ Math.imul(d, 0xc2b2ae35), 0x27d4eb2f);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      if (this.#values[slot] === 0) return slot;
      const at = slot * words;
      const keys = this.#keys;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) return slot;
    }
  }

  #grow(): void {
    const oldKeys = this.#keys;
    const oldValues = this.#values;
    this.#keys = new Uint32Array(oldKeys.length * 2);
    this.#values = new Uint32Array(oldValues.length * 2);
    for (let slot = 0; slot < oldValues.length; slot++) {
      const value = oldValues[slot]!;
      if (value === 0) continue;
      const key = oldKeys.subarray(slot * words, slot * words + words);
      const target = this.#slotOf(key[0]!, key[1]!, key[2]!, key[3]!);
      this.#values[target] = value;
      this.#keys.set(key, target * words);
    }
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
