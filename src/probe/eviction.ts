import { grown } from "../flow/index.ts";

/** About one row in so many is queued at a time. */
const share = 8;
/** Rows that are asked for what is old. */
const samplesMax = 1024;
/** What is older by more than that than all that were asked is as old as can be. */
const ageMarginMilliseconds = 86_400_000;
/** Milliseconds that fit beside a row number in 53 bits. */
const ageMillisecondsMax = 2 ** 28;
const rowFactor = 2 ** 24;

/**
 * Which flow to give up when there is no room for another: the one that was seen longest ago. Keeping all flows in that order would cost each
 * packet; instead the rows are looked through when one has to go, and the oldest of them are queued. A flow that is seen again
 * meanwhile loses its place in the queue; none that is not in the queue can be older.
 */
export class EvictionQueue {
  readonly #rowsMax: number;
  #keys = new Float64Array(0);
  #next = 0;
  #count = 0;
  #oldest = 0;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** The row to give up. `lastSeen` is milliseconds, 0 for a row that is free; at least one is not. */
  take(lastSeen: (row: number) => number): number {
    for (;;) {
      while (this.#next < this.#count) {
        const key = this.#keys[this.#next++]!;
        const row = key % rowFactor;
        const seen = lastSeen(row);
        // As when it was queued: to the millisecond, which is enough for an order.
        if (seen !== 0 && this.#ageKey(seen) === Math.floor(key / rowFactor)) return row;
      }
      this.#fill(lastSeen);
    }
  }

  /** After rows were all freed. */
  clear(): void {
    this.#next = 0;
    this.#count = 0;
  }

  #ageKey(seen: number): number {
    return Math.min(Math.max(Math.floor(seen - this.#oldest), 0), ageMillisecondsMax - 1);
  }

  #fill(lastSeen: (row: number) => number): void {
    const rowsMax = this.#rowsMax;
    const [oldest, limit] = this.#sample(lastSeen);
    this.#oldest = oldest;
    let count = 0;
    for (let row = 0; row < rowsMax; row++) {
      const seen = lastSeen(row);
      if (seen === 0 || seen > limit) continue;
      if (count === this.#keys.length) this.#keys = grown(this.#keys, Math.max(64, count * 2));
      this.#keys[count++] = this.#ageKey(seen) * rowFactor + row;
    }
    this.#keys.subarray(0, count).sort();
    this.#next = 0;
    this.#count = count;
  }

  /** A time before all of a few rows, and one that about one row in `share` is older than. */
  #sample(lastSeen: (row: number) => number): readonly [oldest: number, limit: number] {
    const sample = new Float64Array(Math.min(samplesMax, this.#rowsMax));
    let count = 0;
    for (let i = 0; i < sample.length; i++) {
      const seen = lastSeen(Math.floor(((i + 0.5) * this.#rowsMax) / sample.length));
      if (seen !== 0) sample[count++] = seen;
    }
    if (count === 0) return [0, Number.POSITIVE_INFINITY];
    const sorted = sample.subarray(0, count).sort();
    return [sorted[0]! - ageMarginMilliseconds, sorted[Math.floor(count / share)]!];
  }
}
