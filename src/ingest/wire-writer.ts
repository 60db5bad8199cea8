import { wholeCharacters, wireType } from "./wire.ts";

const encoder = new TextEncoder();
const varintBytesMax = 10;

/** Writes protobuf fields into an array that grows. Fields with their default are left out, as protobuf's own writers do. */
export class WireWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #position = 0;

  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** What has been written; valid until the next write. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#position);
  }

  /** A whole number from 0 to 2^53. */
  unsigned(field: number, value: number): void {
    if (value === 0) return;
    this.#room(2 * varintBytesMax);
    this.#varint(field * 8 + wireType.varint);
    this.#varint(value);
  }

  fixed32(field: number, value: number): void {
    this.#room(varintBytesMax + 4);
    this.#varint(field * 8 + wireType.fixed32);
    for (let shift = 0; shift < 32; shift += 8) this.#bytes[this.#position++] = value >>> shift;
  }

  text(field: number, value: string, bytesMax: number): void {
    if (value === "") return;
    const encoded = encoder.encode(value);
    this.bytes(
      field,
      encoded.length > bytesMax ? encoded.subarray(0, wholeCharacters(encoded, bytesMax)) : encoded,
    );
  }

  bytes(field: number, values: Uint8Array): void {
    this.#room(2 * varintBytesMax + values.length);
    this.#varint(field * 8 + wireType.bytes);
    this.#varint(values.length);
    this.#bytes.set(values, this.#position);
    this.#position += values.length;
  }

  /** A message within this one. */
  message(field: number, inner: WireWriter): void {
    this.bytes(field, inner.written);
  }

  /** What stands before a message within this one that is written in its place: its fields, of so many octets, come next. */
  messageHead(field: number, length: number): void {
    this.#room(2 * varintBytesMax + length);
    this.#varint(field * 8 + wireType.bytes);
    this.#varint(length);
  }

  /** Empty again, with its memory. */
  clear(): this {
    this.#position = 0;
    return this;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#position++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#position++] = rest;
  }

  #room(bytes: number): void {
    if (this.#position + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#position + bytes));
    larger.set(this.written);
    this.#bytes = larger;
  }
}

/** Octets that `unsigned` writes of a value that is not 0. */
export function unsignedFieldBytes(field: number, value: number): number {
  return varintBytes(field * 8) + varintBytes(value);
}

/** Octets that `bytes` writes. */
export function bytesFieldBytes(field: number, { length }: Uint8Array): number {
  return varintBytes(field * 8) + varintBytes(length) + length;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
