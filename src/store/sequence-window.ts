/** Sequences that are told apart, counted from the highest down. */
export const windowLength = 64;
const mask = 2n ** BigInt(windowLength) - 1n;

/**
 * Which numbers of a sequence have been had: the highest, and a bit for each of the 64 up to it, as for replayed packets in RFC 4303
 * §3.4.3. Whatever lies further back counts as had.
 */
export class SequenceWindow {
  highest: number;
  /** Bit n is for `highest` - n. */
  bits: bigint;

  constructor(highest = 0, bits = 0n) {
    this.highest = highest;
    this.bits = bits;
  }

  has(sequence: number): boolean {
    if (sequence > this.highest) return false;
    const back = this.highest - sequence;
    return back >= windowLength || ((this.bits >> BigInt(back)) & 1n) === 1n;
  }

  add(sequence: number): void {
    const ahead = sequence - this.highest;
    if (ahead > 0) {
      this.bits = ahead >= windowLength ? 1n : ((this.bits << BigInt(ahead)) | 1n) & mask;
      this.highest = sequence;
    } else if (-ahead < windowLength) this.bits |= 1n << BigInt(-ahead);
  }

  copy(): SequenceWindow {
    return new SequenceWindow(this.highest, this.bits);
  }
}
