import { wholeCharacters, wireType } from "./wire.ts";

const decoder = new TextDecoder();

/**
 * Reads protobuf fields. What cannot be read sets `isBroken` and ends the message: every call afterwards gives an empty value, so
 * that a caller asks once, at the end.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #outer: WireReader | undefined;
  #position = 0;
  #wireType = 0;
  #isBroken = false;

  constructor(bytes: Uint8Array, outer?: WireReader) {
    this.#bytes = bytes;
    this.#outer = outer;
  }

  /** Whether something could not be read, here or in a message within. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** The number of the next field, or 0 at the end. The value is then read, or passed over by `skip`. */
  next(): number {
    if (this.#position >= this.#bytes.length) return 0;
    const tag = this.#varint();
    const field = Math.floor(tag / 8);
    if (field === 0 || field >= 2 ** 29) return this.#break();
    this.#wireType = tag % 8;
    return field;
  }

  /** A whole number from 0 to 2^53. */
  unsigned(): number {
    return this.#wireType === wireType.varint ? this.#varint() : this.#break();
  }

  fixed32(): number {
    const bytes = this.#wireType === wireType.fixed32 ? this.#take(4) : this.#broken();
    return bytes.length < 4
      ? 0
      : (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
  }

  /** Part of the message itself, not a copy. */
  bytes(): Uint8Array {
    return this.#wireType === wireType.bytes ? this.#take(this.#varint()) : this.#broken();
  }

  /** What is longer than `bytesMax` is cut off, before the character that would be cut; what is no UTF-8 is replaced. */
  text(bytesMax: number): string {
    const bytes = this.bytes();
    return decoder.decode(
      bytes.length > bytesMax ? bytes.subarray(0, wholeCharacters(bytes, bytesMax)) : bytes,
    );
  }

  /** Of the message that is the field's value. What is wrong there is wrong here too. */
  message(): WireReader {
    return new WireReader(this.bytes(), this);
  }

  skip(): void {
    if (this.#wireType === wireType.varint) this.#varint();
    else if (this.#wireType === wireType.bytes) this.#take(this.#varint());
    else if (this.#wireType === wireType.fixed64) this.#take(8);
    else if (this.#wireType === wireType.fixed32) this.#take(4);
    else this.#break(); // groups, which nobody writes any more
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.#bytes[this.#position++];
      if (byte === undefined) return this.#break();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= 2 ** 53 ? value : this.#break();
      scale *= 128;
    }
    return this.#break(); // above 2^53
  }

  #take(length: number): Uint8Array {
    if (this.#isBroken || length > this.#bytes.length - this.#position) return this.#broken();
    const start = this.#position;
    this.#position += length;
    return this.#bytes.subarray(start, this.#position);
  }

  /** Ends it: what comes is more than is accepted. */
  refuse(): void {
    this.#break();
  }

  #break(): 0 {
    this.#isBroken = true;
    this.#position = this.#bytes.length;
    this.#outer?.refuse();
    return 0;
  }

  #broken(): Uint8Array {
    this.#break();
    return new Uint8Array();
  }
}
