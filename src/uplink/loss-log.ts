export interface Loss {
  readonly messageCount: number;
  readonly rowCount: number;
}

/** Tells the first loss at once, and what follows together, after each `milliseconds`: a log of what goes on for hours stays short. */
export class LossLog {
  readonly #milliseconds: number;
  readonly #tell: (loss: Loss) => void;
  #timer: NodeJS.Timeout | undefined;
  #messageCount = 0;
  #rowCount = 0;

  constructor(milliseconds: number, tell: (loss: Loss) => void) {
    this.#milliseconds = milliseconds;
    this.#tell = tell;
  }

  add({ messageCount, rowCount }: Loss): void {
    this.#messageCount += messageCount;
    this.#rowCount += rowCount;
    if (this.#timer === undefined) this.#report();
  }

  /** Tells what is not told yet. */
  stop(): void {
    if (this.#messageCount > 0) this.#report();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #report(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), this.#milliseconds).unref();
    const loss = { messageCount: this.#messageCount, rowCount: this.#rowCount };
    this.#messageCount = this.#rowCount = 0;
    this.#tell(loss);
  }

  #next(): void {
    this.#timer = undefined;
    if (this.#messageCount > 0) this.#report();
  }
}
