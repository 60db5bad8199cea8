/** Below this many bytes a loop is quicker than `set`. */
const loopBytesMax = 24;

/**
 * Bytes written one after the other into one array that is used again. Whoever writes makes room first: `append...` does
 * not look at the end.
 */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>;
  position = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
  }

  get free(): number {
    return this.bytes.length - this.position;
  }

  /** A larger array, for a record that is larger than the whole of the old one. */
  grow(capacity: number): void {
    const larger = new Uint8Array(capacity);
    larger.set(this.bytes.subarray(0, this.position));
    this.bytes = larger;
  }

  appendByte(value: number): void {
    this.bytes[this.position++] = value;
  }

  appendBytes(values: Uint8Array): void {
    const { bytes, position } = this;
    const { length } = values;
    if (length > loopBytesMax) bytes.set(values, position);
    else for (let i = 0; i < length; i++) bytes[position + i] = values[i]!;
    this.position = position + length;
  }

  /** A whole number from 0 to 2^64, in decimal digits. */
  appendDecimal(value: number): void {
    if (value < 1e9) this.#appendDigits(value, digitCount(value));
    else if (value < 2 ** 53) {
      const high = Math.floor(value / 1e9);
      this.appendDecimal(high);
      this.#appendDigits(value - high * 1e9, 9);
    } else for (const digit of String(BigInt(value))) this.appendByte(digit.charCodeAt(0));
  }

  /** A whole number below 10^`digits`, with zeros before it; at most 9 digits. */
  appendPadded(value: number, digits: number): void {
    this.#appendDigits(value, digits);
  }

  #appendDigits(value: number, digits: number): void {
    const { bytes } = this;
    let rest = value | 0;
    const start = this.position;
    for (let at = start + digits - 1; at >= start; at--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    this.position = start + digits;
  }

  /** Seven bits a byte, the lowest first (protobuf, "Base 128 Varints"); a whole number from 0 to 2^64. */
  appendVarint(value: number): void {
    if (value < 0x80) this.bytes[this.position++] = value;
    else if (value < 0x8000_0000) this.#appendLongVarint(value | 0);
    else {
      // No `%`: on numbers that are no 32-bit integers it is slow.
      let rest = value;
      while (rest >= 0x8000_0000) {
        const next = Math.floor(rest / 128);
        this.bytes[this.position++] = (rest - next * 128) | 0x80;
        rest = next;
      }
      this.#appendLongVarint(rest | 0);
    }
  }

  /** The varint of `high` * 2^32 + `low`, both unsigned 32-bit numbers; at least 2^35. */
  appendVarint64(high: number, low: number): void {
    const { bytes, position } = this;
    bytes[position] = low | 0x80;
    bytes[position + 1] = (low >>> 7) | 0x80;
    bytes[position + 2] = (low >>> 14) | 0x80;
    bytes[position + 3] = (low >>> 21) | 0x80;
    bytes[position + 4] = (low >>> 28) | ((high & 7) << 4) | 0x80;
    this.position = position + 5;
    this.#appendLongVarint(high >>> 3);
  }

  /** Below 2^31. */
  #appendLongVarint(value: number): void {
    const { bytes } = this;
    let { position } = this;
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) bytes[position++] = rest | 0x80;
    bytes[position++] = rest;
    this.position = position;
  }
}

function digitCount(value: number): number {
  if (value < 10) return 1;
  if (value < 100) return 2;
  if (value < 1000) return 3;
  if (value < 10_000) return 4;
  if (value < 100_000) return 5;
  if (value < 1_000_000) return 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}
