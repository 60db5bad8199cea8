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
 * Work that is done a few pieces at a time, however many ask for it: whoever asks is served in turn, so that one with much to do does
 * not keep the others waiting for all of it.
 */
export class Turns {
  readonly #config: TurnsConfig;
  readonly #waiting = new Map<string, Task[]>();
  #waitingCount = 0;
  #runningCount = 0;

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
      this.#begin();
    });
  }

  #begin(): void {
    if (this.#runningCount >= this.#config.runningMax) return;
    const next = this.#next();
    if (next === undefined) return;
    this.#runningCount++;
    void next.run().then(() => {
      // What came in meanwhile is answered before the next.
      setImmediate(() => {
        this.#runningCount--;
        this.#begin();
      });
    });
  }

  #next(): Task | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [who, tasks] = first;
    const task = tasks.shift();
    this.#waitingCount--;
    this.#waiting.delete(who);
    if (tasks.length > 0) this.#waiting.set(who, tasks); // behind the others
    return task;
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
