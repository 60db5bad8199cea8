/** A number that goes further back than this is a new count, not a sample that comes late. */
const lateMax = 1000;
/** A gap larger than this is no loss but another count. */
const lostMax = 10_000_000;

/** Samples of one kind from one data source, and those whose numbers are missing (sFlow v5 §5: numbered per source and kind). */
export class SampleCount {
  received = 0;
  lost = 0;
  #last = -1;

  take(sequenceNumber: number): void {
    this.received++;
    const ahead = (sequenceNumber - this.#last) >>> 0;
    const behind = (this.#last - sequenceNumber) >>> 0;
    if (this.#last >= 0 && behind <= lateMax) {
      if (behind > 0) this.lost = Math.max(0, this.lost - 1);
      return;
    }
    if (this.#last >= 0 && ahead <= lostMax) this.lost += ahead - 1;
    this.#last = sequenceNumber;
  }

  /** The agent has started again: its next number is the first. */
  restart(): void {
    this.#last = -1;
  }
}
