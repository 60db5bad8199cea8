import { parseAddress } from "../../flow/index.ts";

/**
 * The two halves of an address, most significant byte first: a number each, or the columns that hold them. A range of addresses
 * that share a prefix is a range of one of them. DuckDB compares and packs 64 bits a hundred times faster than 128, and the high
 * half of IPv4 (::ffff:a.b.c.d) is always 0, which takes no room.
 */
export interface AddressHalves<T> {
  readonly high: T;
  readonly low: T;
}

export type AddressColumns = AddressHalves<string>;

/** The offset of each half in an address's 16 bytes. */
export const halfOffsets: AddressHalves<number> = { high: 0, low: 8 };

/** The columns of `flow_records` that hold a field's address. */
export function addressColumns(field: string): AddressColumns {
  return { high: `${field}High`, low: `${field}Low` };
}

/** The columns of `peers` that hold a peer's address; both NULL of one without. */
export const peerAddressColumns: AddressColumns = { high: "address_high", low: "address_low" };

export function mapHalves<T, U>({ high, low }: AddressHalves<T>, each: (half: T) => U): AddressHalves<U> {
  return { high: each(high), low: each(low) };
}

export function addressHalves(bytes: Uint8Array): AddressHalves<bigint> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return mapHalves(halfOffsets, (offset) => view.getBigUint64(offset));
}

export function addressHalvesOfText(text: string): AddressHalves<bigint> | null {
  const bytes = parseAddress(text);
  return bytes === undefined ? null : addressHalves(bytes);
}

export function addressBytes({ high, low }: AddressHalves<bigint>): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(halfOffsets.high, high);
  view.setBigUint64(halfOffsets.low, low);
  return bytes;
}

const halfBits = 64;

/** SQL for the addresses that begin with the first `prefixLength` bits of `address`. `number` makes a value a parameter. */
export function prefixCondition(
  { high, low }: AddressColumns,
  address: Uint8Array,
  prefixLength: number,
  number: (value: bigint) => string,
): string {
  const first = addressHalves(address);
  if (prefixLength <= halfBits) return rangeCondition(high, first.high, halfBits - prefixLength, number);
  const ofLow = rangeCondition(low, first.low, 2 * halfBits - prefixLength, number);
  return `(${ofLow} AND ${high} = ${number(first.high)})`;
}

function rangeCondition(
  column: string,
  first: bigint,
  freeBits: number,
  number: (value: bigint) => string,
): string {
  if (freeBits === 0) return `${column} = ${number(first)}`;
  const last = first | ((1n << BigInt(freeBits)) - 1n);
  return `${column} BETWEEN ${number(first)} AND ${number(last)}`;
}
