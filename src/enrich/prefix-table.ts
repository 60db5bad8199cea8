import { type Cidr, isMappedIPv4, maskAddress } from "../flow/index.ts";
import { AddressTable, addressWords } from "./address-table.ts";

interface PrefixRows {
  readonly prefixLength: number;
  /** Four words, a set bit wherever the prefix is. */
  readonly mask: Uint32Array;
  /** Of the masked address: one more than its value's index. */
  readonly rows: AddressTable;
}

/** The mapped form of IPv4 begins with these bits: no shorter prefix is a range of IPv4. */
const mappedPrefixLength = 96;

/**
 * Values by ranges of addresses, made once. An address has that of the narrowest range that holds it; a look-up costs one probe for each
 * prefix length in use, however many ranges there are, and allocates nothing. A range of IPv6, `::/0` too, holds no IPv4 address.
 */
export class PrefixTable<T> {
  readonly #values: readonly T[];
  /** The longest prefix first. */
  readonly #byLength: readonly PrefixRows[];
  readonly #masked = new Uint32Array(4);

  /** Of two equal ranges the first counts. */
  constructor(ranges: readonly { readonly cidr: Cidr; readonly value: T }[]) {
    this.#values = ranges.map(({ value }) => value);
    const byLength = new Map<number, PrefixRows>();
    for (const [index, { cidr }] of ranges.entries()) {
      const { prefixLength, address } = cidr;
      let prefix = byLength.get(prefixLength);
      if (prefix === undefined) {
        prefix = { prefixLength, mask: maskOf(prefixLength), rows: new AddressTable(16) };
        byLength.set(prefixLength, prefix);
      }
      const words = addressWords(address, 0);
      if (prefix.rows.get(words, 0) === 0) prefix.rows.set(words, 0, index + 1);
    }
    this.#byLength = [...byLength.values()].sort((a, b) => b.prefixLength - a.prefixLength);
  }

  get count(): number {
    return this.#values.length;
  }

  /** Of the narrowest range around the address at `bytes[offset]`. */
  find(bytes: Uint8Array, offset = 0): T | undefined {
    if (this.#byLength.length === 0) return undefined;
    const isIPv4 = isMappedIPv4(bytes, offset);
    const words = addressWords(bytes, offset);
    for (const { prefixLength, mask, rows } of this.#byLength) {
      if (isIPv4 && prefixLength < mappedPrefixLength) return undefined;
      for (let i = 0; i < 4; i++) this.#masked[i] = words[i]! & mask[i]!;
      const row = rows.get(this.#masked, 0);
      if (row !== 0) return this.#values[row - 1];
    }
    return undefined;
  }
}

function maskOf(prefixLength: number): Uint32Array {
  const ones = new Uint8Array(16).fill(0xff);
  return Uint32Array.from(addressWords(maskAddress(ones, 0, prefixLength), 0));
}
