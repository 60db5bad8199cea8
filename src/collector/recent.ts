const bucketMilliseconds = 10_000;
const bucketCount = 6;

/** What was counted in the last minute, to within ten seconds, and in all. Times are unix ms; one that goes back is taken as now. */
export class RecentCounter {
  total = 0;
  readonly #buckets = new Float64Array(bucketCount);
  #bucket = 0;
  #firstBucket = 0;

  add(value: number, nowMilliseconds: number): void {
    this.#moveTo(nowMilliseconds);
    this.total += value;
    this.#buckets[this.#bucket % bucketCount]! += value;
  }

  recent(nowMilliseconds: number): number {
    this.#moveTo(nowMilliseconds);
    return this.#buckets.reduce((sum, value) => sum + value, 0);
  }

  /** Per second, over the last minute or, when it has not counted for so long, over the time since it began. */
  rate(nowMilliseconds: number): number {
    const recent = this.recent(nowMilliseconds);
    const whole = Math.min(this.#bucket - this.#firstBucket, bucketCount - 1) * bucketMilliseconds;
    const seconds = (whole + (nowMilliseconds % bucketMilliseconds)) / 1000;
    return recent / Math.max(seconds, 1);
  }

  #moveTo(nowMilliseconds: number): void {
    const bucket = Math.floor(nowMilliseconds / bucketMilliseconds);
    if (this.#bucket === 0) this.#firstBucket = this.#bucket = bucket;
    const steps = Math.min(bucket - this.#bucket, bucketCount);
    for (let step = 0; step < steps; step++) this.#buckets[(bucket - step) % bucketCount] = 0;
    if (steps > 0) this.#bucket = bucket;
  }
}

/** The largest value of the last minute, to within ten seconds. */
export class RecentMaximum {
  readonly #values = new Float64Array(bucketCount).fill(Number.NEGATIVE_INFINITY);
  readonly #buckets = new Float64Array(bucketCount);

  take(value: number, nowMilliseconds: number): void {
    const bucket = Math.floor(nowMilliseconds / bucketMilliseconds);
    const at = bucket % bucketCount;
    if (this.#buckets[at] !== bucket) {
      this.#buckets[at] = bucket;
      this.#values[at] = Number.NEGATIVE_INFINITY;
    }
    if (value > this.#values[at]!) this.#values[at] = value;
  }

  /** Undefined when nothing was taken in the last minute. */
  value(nowMilliseconds: number): number | undefined {
    const oldest = Math.floor(nowMilliseconds / bucketMilliseconds) - bucketCount;
    let maximum = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < bucketCount; i++) {
      if (this.#buckets[i]! > oldest) maximum = Math.max(maximum, this.#values[i]!);
    }
    return maximum === Number.NEGATIVE_INFINITY ? undefined : maximum;
  }
}
