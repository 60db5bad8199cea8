import { isIPv6Bit, keyWord } from "../packet/index.ts";
import { rowWords, wordOf } from "./flow-row.ts";

const firstSlots = 16_384;
/** Fewer flows than these lie near the processor anyway. */
const nearFlows = 1024;
/** Keys looked for at a time: as many as there is memory on its way, and they fit into the nearest cache. */
export const groupPacketsMax = 64;

/**
 * Of this process alone, as in RowIndex: whoever knew how keys are mixed could choose many for one slot. V8 has the state of Math.random from the
 * system's random numbers, and nobody is told what comes out of it; to load Node's own `crypto` is a sixth of a start.
 */
const drawFactor = () => (Math.random() * 2 ** 32) | 1;
const seed = drawFactor();
const factor1 = drawFactor();
const factor2 = drawFactor();
const factor3 = drawFactor();

/** The same for both directions of a flow. */
export function hashKey(keys: Int32Array, at: number): number {
  const ports = keys[at + keyWord.ports]!;
  const protocol = keys[at + keyWord.protocol]!;
  let a = Math.imul(keys[at + 3]! ^ seed, factor1) ^ (ports >>> 16);
  let b = Math.imul(keys[at + 7]! ^ seed, factor1) ^ (ports & 0xffff);
  if ((protocol & isIPv6Bit) !== 0) {
    a = foldAddress(a, keys[at]!, keys[at + 1]!, keys[at + 2]!);
    b = foldAddress(b, keys[at + 4]!, keys[at + 5]!, keys[at + 6]!);
  }
  a = Math.imul(a ^ (a >>> 15), factor2);
  b = Math.imul(b ^ (b >>> 15), factor2);
  let hash = ((a ^ (a >>> 13)) + (b ^ (b >>> 13))) | 0;
  hash = Math.imul(hash ^ protocol ^ Math.imul(keys[at + keyWord.vlans]!, factor1), factor3);
  return hash ^ (hash >>> 15);
}

function foldAddress(start: number, word0: number, word1: number, word2: number): number {
  let hash = Math.imul(start ^ word0 ^ (start >>> 15), factor2);
  hash = Math.imul(hash ^ word1 ^ (hash >>> 15), factor2);
  return Math.imul(hash ^ word2 ^ (hash >>> 15), factor2);
}

/** Where a key's row is: slots beside the rows, that tell a hash and a row each, with linear probing. Grows with the flows. */
export class FlowIndex {
  /** Says nothing; that it is kept keeps what it sums up from being left out by the compiler. */
  fetched = 0;
  readonly #words: Int32Array;
  readonly #withMacs: boolean;
  /** Two words per slot: hash, row + 1. A power of two of slots, at least twice the flows. */
  #slots = new Int32Array(firstSlots * 2);
  #mask = firstSlots - 1;
  #count = 0;
  readonly #hashes: Int32Array;
  readonly #groupRows = new Int32Array(groupPacketsMax);

  /** `words` are the rows. */
  constructor(words: Int32Array, rowsMax: number, withMacs: boolean) {
    this.#words = words;
    this.#withMacs = withMacs;
    this.#hashes = new Int32Array(rowsMax);
  }

  /** Touches slots and rows of a group's keys, so that all their memory is fetched at the same time. */
  fetch(hashes: Int32Array, size: number): void {
    if (this.#count < nearFlows) return;
    const slots = this.#slots;
    const mask = this.#mask;
    const words = this.#words;
    const rows = this.#groupRows;
    let sum = 0;
    for (let i = 0; i < size; i++) rows[i] = slots[(hashes[i]! & mask) * 2 + 1]!;
    for (let i = 0; i < size; i++) {
      const row = rows[i]!;
      if (row !== 0) sum ^= words[(row - 1) * rowWords]! ^ words[(row - 1) * rowWords + 16]!;
    }
    this.fetched = sum;
  }

  /** Row << 1 | direction of the key's flow; -1 when there is none. */
  find(keys: Int32Array, at: number, hash: number): number {
    const words = this.#words;
    const slots = this.#slots;
    const mask = this.#mask;
    const source = keys[at + 3]!;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const used = slots[slot * 2 + 1]!;
      if (used === 0) return -1;
      if (slots[slot * 2] !== hash) continue;
      const base = (used - 1) * rowWords;
      if (words[base + 3] === source && this.#isForward(keys, at, base)) return (used - 1) << 1;
      if (words[base + 7] === source && this.#isBackward(keys, at, base)) return ((used - 1) << 1) | 1;
    }
  }

  /** Adds a row whose key is in no slot. */
  add(row: number, hash: number): void {
    if (++this.#count * 2 > this.#mask) this.#grow();
    this.#hashes[row] = hash;
    place(this.#slots, this.#mask, hash, row);
  }

  /** Takes a row out and closes the gap. */
  remove(row: number): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let gap = this.#hashes[row]! & mask;
    while (slots[gap * 2 + 1] !== row + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; slots[slot * 2 + 1] !== 0; slot = (slot + 1) & mask) {
      const home = slots[slot * 2]! & mask;
      // Moves only what its home does not lie behind the gap of.
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      slots[gap * 2] = slots[slot * 2]!;
      slots[gap * 2 + 1] = slots[slot * 2 + 1]!;
      gap = slot;
    }
    slots[gap * 2 + 1] = 0;
    this.#count--;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#count = 0;
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(old.length * 2);
    const mask = old.length - 1;
    for (let slot = 0; slot < old.length; slot += 2)
      if (old[slot + 1] !== 0) place(slots, mask, old[slot]!, old[slot + 1]! - 1);
    this.#slots = slots;
    this.#mask = mask;
  }

  #isForward(keys: Int32Array, at: number, base: number): boolean {
    const words = this.#words;
    if (
      words[base + wordOf.ports] !== keys[at + keyWord.ports] ||
      words[base + 7] !== keys[at + 7] ||
      words[base + wordOf.protocol] !== keys[at + keyWord.protocol] ||
      words[base + wordOf.vlans] !== keys[at + keyWord.vlans]
    )
      return false;
    // Of IPv4 the other words are always the same.
    if ((keys[at + keyWord.protocol]! & isIPv6Bit) !== 0)
      for (const word of upperWords) if (words[base + word] !== keys[at + word]) return false;
    if (!this.#withMacs) return true;
    return (
      words[base + wordOf.macsHigh] === keys[at + keyWord.macsHigh] &&
      words[base + wordOf.macOfALow] === keys[at + keyWord.sourceMacLow] &&
      words[base + wordOf.macOfBLow] === keys[at + keyWord.destinationMacLow]
    );
  }

  #isBackward(keys: Int32Array, at: number, base: number): boolean {
    const words = this.#words;
    const ports = keys[at + keyWord.ports]!;
    if (
      words[base + wordOf.ports] !== ((ports << 16) | (ports >>> 16)) ||
      words[base + 3] !== keys[at + 7] ||
      words[base + wordOf.protocol] !== keys[at + keyWord.protocol] ||
      words[base + wordOf.vlans] !== keys[at + keyWord.vlans]
    )
      return false;
    if ((keys[at + keyWord.protocol]! & isIPv6Bit) !== 0)
      for (const word of upperWords) if (words[base + (word ^ 4)] !== keys[at + word]) return false;
    if (!this.#withMacs) return true;
    const high = keys[at + keyWord.macsHigh]!;
    return (
      words[base + wordOf.macsHigh] === ((high << 16) | (high >>> 16)) &&
      words[base + wordOf.macOfALow] === keys[at + keyWord.destinationMacLow] &&
      words[base + wordOf.macOfBLow] === keys[at + keyWord.sourceMacLow]
    );
  }
}

/** Of both addresses, all but the last word. */
const upperWords = [0, 1, 2, 4, 5, 6] as const;

function place(slots: Int32Array, mask: number, hash: number, row: number): void {
  let slot = hash & mask;
  while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
  slots[slot * 2] = hash;
  slots[slot * 2 + 1] = row + 1;
}
