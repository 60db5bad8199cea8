/**
 * Ranges of addresses with their autonomous systems, as columns: small, searched without allocating, and handed from thread
 * to thread without a copy. Ranges are in order and do not overlap.
 */
export interface AsRangeColumns {
  /** First and last IPv4 address of each range, as numbers. */
  readonly firstIPv4: Uint32Array;
  readonly lastIPv4: Uint32Array;
  /** Four words per IPv6 address, the first the most significant. */
  readonly firstIPv6: Uint32Array;
  readonly lastIPv6: Uint32Array;
  /** Per range, the IPv4 ones first: its row of the systems. */
  readonly systemOfRange: Uint32Array;
  readonly numbers: Uint32Array;
  /** Names in UTF-8, one behind the other; name `i` is from `nameEnds[i - 1]` to `nameEnds[i]`. */
  readonly names: Uint8Array;
  readonly nameEnds: Uint32Array;
}

const utf8 = new TextDecoder();

/** Looks an address up in the columns: 16 bytes at `bytes[offset]`, IPv4 mapped. */
export class AsRanges {
  readonly #columns: AsRangeColumns;

  constructor(columns: AsRangeColumns) {
    this.#columns = columns;
  }

  get rangeCount(): number {
    return this.#columns.systemOfRange.length;
  }

  get byteLength(): number {
    return Object.values(this.#columns).reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  findIPv4(bytes: Uint8Array, offset: number): { asNumber: number; asName: string } | undefined {
    const { firstIPv4, lastIPv4 } = this.#columns;
    const address = wordAt(bytes, offset + 12);
    const range = lastNotAbove(firstIPv4.length, (i) => firstIPv4[i]! <= address);
    return range < 0 || lastIPv4[range]! < address ? undefined : this.#systemOf(range);
  }

  findIPv6(bytes: Uint8Array, offset: number): { asNumber: number; asName: string } | undefined {
    const { firstIPv4, firstIPv6, lastIPv6 } = this.#columns;
    const range = lastNotAbove(firstIPv6.length / 4, (i) => compareIPv6(firstIPv6, i, bytes, offset) <= 0);
    if (range < 0 || compareIPv6(lastIPv6, range, bytes, offset) < 0) return undefined;
    return this.#systemOf(firstIPv4.length + range);
  }

  #systemOf(range: number): { asNumber: number; asName: string } {
    const { systemOfRange, numbers, names, nameEnds } = this.#columns;
    const system = systemOfRange[range]!;
    const start = system === 0 ? 0 : nameEnds[system - 1]!;
    return { asNumber: numbers[system]!, asName: utf8.decode(names.subarray(start, nameEnds[system])) };
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Of rows 0 to `count`, the last for which the test holds, given that it holds for none behind one for which it does not; or -1. */
function lastNotAbove(count: number, holds: (row: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function compareIPv6(words: Uint32Array, row: number, bytes: Uint8Array, offset: number): number {
  for (let i = 0; i < 4; i++) {
    const difference = words[row * 4 + i]! - wordAt(bytes, offset + i * 4);
    if (difference !== 0) return difference;
  }
  return 0;
}
