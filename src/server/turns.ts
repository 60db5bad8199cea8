interface Task {
  run(): Promise<void>;
}

export interface TurnsConfig {
  /** Done at once. */
  readonly runningMax: number;
  /** Waiting, of everybody; undefined where whoever asks is bounded. */
  readonly waitingMax?: number;
}

/**
 * Work that is done a few pieces at a time, however many ask for it: whoever asks is served in turn, and first whoever has least done
 * now, so that one with much to do does not keep the others waiting for all of it.
 */
export class Turns {
  readonly #config: TurnsConfig;
  readonly #waiting = new Map<string, Task[]>();
  #waitingCount = 0;
  #runningCount = 0;
  /** Pieces that are done now, of each who has any. */
  readonly #running = new Map<string, number>();

  constructor(config: TurnsConfig = { runningMax: 1 }) {
    this.#config = config;
  }

  get isFull(): boolean {
    return this.#waitingCount >= (this.#config.waitingMax ?? Number.POSITIVE_INFINITY);
  }

  /** Resolves with what `work` gives, and rejects as it does; who gives up while waiting leaves at once. May not be called when full. */
  take<T>(who: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = () => {
        if (this.#remove(who, task)) reject(signal?.reason);
      };
      const task: Task = {
        run() {
          signal?.removeEventListener("abort", leave);
          return work().then(resolve, reject);
        },
      };
      signal?.addEventListener("abort", leave, { once: true });
      const before = this.#waiting.get(who);
      if (before === undefined) this.#waiting.set(who, [task]);
      else before.push(task);
      this.#waitingCount++;
      this.#runNext();
    });
  }

  /** Resolves, as `take` begins work, with what ends the turn. */
  begin(who: string, signal?: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      this.take(who, () => new Promise<void>((end) => resolve(end)), signal).catch(reject);
    });
  }

  #runNext(): void {
    if (this.#runningCount >= this.#config.runningMax) return;
    const who = this.#next();
    if (who === undefined) return;
    const task = this.#leaveQueue(who);
    this.#count(who, 1);
    void task.run().then(() => {
      // What came in meanwhile is answered before the next.
      setImmediate(() => {
        this.#count(who, -1);
        this.#runNext();
      });
    });
  }

  #count(who: string, more: number): void {
    this.#runningCount += more;
    const running = (this.#running.get(who) ?? 0) + more;
    if (running > 0) this.#running.set(who, running);
    else this.#running.delete(who);
  }

  /** Who is served next: of those who have least done now, the one who has waited longest for a turn. */
  #next(): string | undefined {
    let next: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const who of this.#waiting.keys()) {
      const running = this.#running.get(who) ?? 0;
      if (running >= least) continue;
      [next, least] = [who, running];
      if (least === 0) break;
    }
    return next;
  }

  #leaveQueue(who: string): Task {
    const [task, ...others] = this.#waiting.get(who)!;
    this.#waitingCount--;
    this.#waiting.delete(who);
    if (others.length > 0) this.#waiting.set(who, others); // behind the others
    return task!;
  }

  #remove(who: string, task: Task): boolean {
    const tasks = this.#waiting.get(who) ?? [];
    const at = tasks.indexOf(task);
    if (at < 0) return false;
    tasks.splice(at, 1);
    this.#waitingCount--;
    if (tasks.length === 0) this.#waiting.delete(who);
    return true;
  }
}
