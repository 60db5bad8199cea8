/** Time that some work may take of this thread: a share of what goes by, saved up to a bound. Times are milliseconds of `clock`. */
export class TimeBudget {
  readonly #share: number;
  readonly #savedMax: number;
  readonly #clock: () => number;
  #saved: number;
  #at: number;

  constructor(share: number, savedMax: number, clock: () => number) {
    this.#share = share;
    this.#savedMax = savedMax;
    this.#clock = clock;
    this.#saved = savedMax;
    this.#at = clock();
  }

  /** Whether anything is left. What takes longer than what is left is paid for by not being done for a while. */
  isLeft(): boolean {
    const now = this.#clock();
    this.#saved = Math.min(this.#savedMax, this.#saved + (now - this.#at) * this.#share);
    this.#at = now;
    return this.#saved > 0;
  }

  spend(work: () => void): void {
    const begun = this.#clock();
    work();
    this.#saved -= this.#clock() - begun;
  }
}
