import { FlowBatch } from "../flow/index.ts";

/** How many rows waited when, of those that are still here. */
interface Look {
  readonly time: number;
  count: number;
}

/** Rows that cannot be judged yet, in the order in which they came. Time is an argument: unix ms. */
export class WaitingRows {
  #waiting: FlowBatch;
  #handedOut: FlowBatch;
  #looks: Look[] = [];

  constructor(rowsMax: number) {
    this.#waiting = new FlowBatch(rowsMax);
    this.#handedOut = new FlowBatch(rowsMax);
  }

  /** What waits. */
  get batch(): FlowBatch {
    return this.#waiting;
  }

  get isFull(): boolean {
    return this.#waiting.free === 0;
  }

  /** Copies a row; returns its place in `batch`. There has to be room. */
  hold(batch: FlowBatch, row: number): number {
    const held = this.#waiting.append();
    this.#waiting.copyRow(row, held, batch);
    return held;
  }

  /**
   * Takes out the rows that were held before an earlier call that is at least `waitMilliseconds` ago: with 0, before the last
   * call. Valid until the next call.
   */
  take(now: number, waitMilliseconds: number): FlowBatch {
    let ripe = 0;
    while (this.#looks.length > 0 && this.#looks[0]!.time + waitMilliseconds <= now)
      ripe = this.#looks.shift()!.count;
    this.#handedOut.clear();
    const rest = this.#waiting.count - ripe;
    if (rest === 0) [this.#waiting, this.#handedOut] = [this.#handedOut, this.#waiting];
    else if (ripe > 0) this.#split(ripe);
    for (const look of this.#looks) look.count -= ripe;
    if (rest > (this.#looks.at(-1)?.count ?? 0)) this.#looks.push({ time: now, count: rest });
    return this.#handedOut;
  }

  #split(ripe: number): void {
    const waiting = this.#waiting;
    this.#handedOut.copyRows(0, this.#handedOut.append(ripe), ripe, waiting);
    waiting.copyRows(ripe, 0, waiting.count - ripe);
    waiting.truncate(waiting.count - ripe);
  }
}
