import type { RingBufferMemory } from "./libbpf.ts";

const busyBit = 0x80000000;
const discardBit = 0x40000000;
const headerBytes = 8;
/** After so many records the kernel is told that their room is free. */
const recordsPerTurn = 64;

/**
 * Reads a BPF ring buffer where it lies (kernel/bpf/ringbuf.c): records of an 8-byte header, whose first word is the
 * length with a busy and a discard bit, followed by the data, rounded up to 8. No copy, and no system call but where the window moves.
 */
export class RingBuffer {
  readonly #consumerPosition: BigUint64Array;
  readonly #producerPosition: BigUint64Array;
  readonly #words: Int32Array;
  readonly #memory: RingBufferMemory;
  /** Where the window begins in the data. */
  #windowStart = 0;

  constructor(memory: RingBufferMemory) {
    this.#consumerPosition = new BigUint64Array(memory.consumer, 0, 1);
    this.#producerPosition = new BigUint64Array(memory.producer, 0, 1);
    this.#words = new Int32Array(memory.data);
    this.#memory = memory;
  }

  /**
   * Calls `visit` with the byte offset, in the window, of each whole record that is there now, oldest first. The record is valid until
   * `visit` returns; when it throws, it counts as read. Returns how many were read.
   */
  consume(visit: (offset: number, length: number) => void): number {
    let position = Number(Atomics.load(this.#consumerPosition, 0));
    const end = Number(Atomics.load(this.#producerPosition, 0));
    let count = 0;
    try {
      for (let turn = 1; position < end; turn++) {
        const offset = this.#reach(position);
        const header = Atomics.load(this.#words, offset >> 2) >>> 0;
        if ((header & busyBit) !== 0) break; // reserved, not yet written: it is the first thing read next time
        const length = header & ~(busyBit | discardBit);
        position += (length + headerBytes + 7) & ~7;
        if ((header & discardBit) === 0) {
          visit(offset + headerBytes, length);
          count++;
        }
        if (turn % recordsPerTurn === 0) this.#giveBack(position);
      }
    } finally {
      this.#giveBack(position);
    }
    return count;
  }

  /** All that lies before a position. */
  #giveBack(position: number): void {
    Atomics.store(this.#consumerPosition, 0, BigInt(position));
  }

  /** Moves the window to a position when it is elsewhere; returns its offset there. */
  #reach(position: number): number {
    const { dataBytes, windowBytes } = this.#memory;
    const place = position & (dataBytes - 1);
    const start = place & -windowBytes;
    if (start !== this.#windowStart) this.#memory.moveWindow(start);
    this.#windowStart = start;
    return place - start;
  }
}
