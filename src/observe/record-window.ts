/**
 * A window onto one record that the kernel wrote, little-endian as every machine this runs on; `moveTo` points it at the next. `at` is a
 * field's offset in the record. Valid while the record is.
 */
export class RecordWindow {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #names = new NameCache();
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
  /** A process's name: 16 bytes, text that ends with a NUL or with them. */
  name(at: number): string {
    return this.#names.read(this.#view, this.#offset + at);
  }
}

const nameBytes = 16; // TASK_COMM_LEN
const namesKept = 256; // as many as 8 bits of a hash tell apart

/** Names that were read, by their bytes: most records are of a few processes, and decoding takes longer than all else of a record. */
class NameCache {
  readonly #words = new Uint32Array(namesKept * 4);
  readonly #texts: string[] = Array.from({ length: namesKept }, () => "");

  /** What is not UTF-8 shows as a replacement character. */
  read(view: DataView, offset: number): string {
    const first = view.getUint32(offset, true);
    const second = view.getUint32(offset + 4, true);
    const third = view.getUint32(offset + 8, true);
    const fourth = view.getUint32(offset + 12, true);
    const place = Math.imul(first ^ Math.imul(second ^ third ^ fourth, 0x85ebca6b), 0x9e3779b1) >>> 24;
    const words = this.#words;
    const at = place * 4;
    const isKnown =
      words[at] === first && words[at + 1] === second && words[at + 2] === third && words[at + 3] === fourth;
    if (isKnown) return this.#texts[place]!;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, nameBytes);
    const end = bytes.indexOf(0);
    const text = utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = third;
    words[at + 3] = fourth;
    this.#texts[place] = text;
    return text;
  }
}

const utf8 = new TextDecoder();
