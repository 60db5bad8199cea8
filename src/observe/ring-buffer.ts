import type { RingBufferMemory } from "./libbpf.ts";

const busyBit = 0x80000000;
const discardBit = 0x40000000;
const headerBytes = 8;

/**
 * Reads a BPF ring buffer where it lies (kernel/bpf/ringbuf.c): records of an 8-byte header, whose first word is the
 * length with a busy and a discard bit, followed by the data, rounded up to 8. No system call and no copy.
 */
export class RingBuffer {
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: BigUint64Array;
  readonly #words: Int32Array;
  readonly #mask: number;

  constructor({ consumer, producer, data, dataBytes }: RingBufferMemory) {
    this.#consumerPosition = new BigUint64Array(consumer, 0, 1);
    this.#producerPosition = new BigUint64Array(producer, 0, 1);
    this.#words = new Int32Array(data);
    this.#mask = dataBytes - 1;
  }

  /**
   * Calls `visit` with the byte offset of each whole record that is there now, oldest first. The record is valid until
   * `visit` returns. Returns how many were read.
   */
  consume(visit: (offset: number, length: number) => void): number {
    let position = Number(Atomics.load(this.#consumerPosition, 0));
    const end = Number(Atomics.load(this.#producerPosition, 0));
    let count = 0;
    while (position < end) {
      const offset = position & this.#mask;
      const header = Atomics.load(this.#words, offset >> 2) >>> 0;
      if ((header & busyBit) !== 0) break; // reserved, not yet written: it is the first thing read next time
      const length = header & ~(busyBit | discardBit);
      if ((header & discardBit) === 0) {
        visit(offset + headerBytes, length);
        count++;
      }
      position += (length + headerBytes + 7) & ~7;
      Atomics.store(this.#consumerPosition, 0, BigInt(position));
    }
    return count;
  }
}
