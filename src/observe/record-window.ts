/**
 * A window onto one record that the kernel wrote, little-endian as every machine this runs on; `moveTo` points it at the next. `at` is a
 * field's offset in the record. Valid while the record is.
 */
export class RecordWindow {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(data: ArrayBuffer) {
    this.bytes = new Uint8Array(data);
    this.#view = new DataView(data);
  }

  moveTo(offset: number): void {
    this.#offset = offset;
  }

  /** Offset of a field in `bytes`. */
  offsetOf(at: number): number {
    return this.#offset + at;
  }
  u8(at: number): number {
    return this.bytes[this.#offset + at]!;
  }
  u16(at: number): number {
    return this.#view.getUint16(this.#offset + at, true);
  }
  u32(at: number): number {
    return this.#view.getUint32(this.#offset + at, true);
  }
  /** Exact to 2^53. */
  u64(at: number): number {
    return this.u32(at + 4) * 0x100000000 + this.u32(at);
  }
  /** Text that ends with a NUL or after `bytesMax`; what is not UTF-8 shows as a replacement character. */
  text(at: number, bytesMax: number): string {
    const start = this.#offset + at;
    let end = start;
    while (end < start + bytesMax && this.bytes[end] !== 0) end++;
    return utf8.decode(this.bytes.subarray(start, end));
  }
}

const utf8 = new TextDecoder();
