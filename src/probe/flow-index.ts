import { isIPv6Bit, keyWord } from "../packet/index.ts";
import { rowWords, wordOf } from "./flow-row.ts";
import { rowWordsOf } from "./row-words.ts";

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
    this.#hashes = rowWordsOf(rowsMax);
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

  /** Row << 1 | direction of the key's flow; -1 when there is none. Of IPv4 the addresses' last words are all that differs. */
  find(keys: Int32Array, at: number, hash: number): number {
    const words = this.#words;
    const slots = this.#slots;
    const mask = this.#mask;
    const source = keys[at + 3]!;
    const destination = keys[at + 7]!;
    const ports = keys[at + keyWord.ports]!;
    const protocol = keys[at + keyWord.protocol]!;
    const vlans = keys[at + keyWord.vlans]!;
    const isShort = (protocol & isIPv6Bit) === 0 && !this.#withMacs;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const used = slots[slot * 2 + 1]!;
      if (used === 0) return -1;
      if (slots[slot * 2] !== hash) continue;
      const base = (used - 1) * rowWords;
      if (words[base + wordOf.protocol] !== protocol || words[base + wordOf.vlans] !== vlans) continue;
      const a = words[base + 3]!;
      const b = words[base + 7]!;
      const portsOfBoth = words[base + wordOf.ports]!;
      if (a === source && b === destination && portsOfBoth === ports)
        if (isShort || this.#hasRest(keys, at, base, 0)) return (used - 1) << 1;
      if (b === source && a === destination && portsOfBoth === ((ports << 16) | (ports >>> 16)))
        if (isShort || this.#hasRest(keys, at, base, 4)) return ((used - 1) << 1) | 1;
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

  /** Whether the row has the key's other words too: of IPv6 addresses, and MAC addresses. `flip` is 4 where its ends are the other way round, and else 0. */
  #hasRest(keys: Int32Array, at: number, base: number, flip: number): boolean {
    const words = this.#words;
    for (const word of upperWords) if (words[base + (word ^ flip)] !== keys[at + word]) return false;
    if (!this.#withMacs) return true;
    const high = keys[at + keyWord.macsHigh]!;
    const [macOfSource, macOfDestination] =
      flip === 0 ? [wordOf.macOfALow, wordOf.macOfBLow] : [wordOf.macOfBLow, wordOf.macOfALow];
    return (
      words[base + wordOf.macsHigh] === (flip === 0 ? high : (high << 16) | (high >>> 16)) &&
      words[base + macOfSource] === keys[at + keyWord.sourceMacLow] &&
      words[base + macOfDestination] === keys[at + keyWord.destinationMacLow]
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
