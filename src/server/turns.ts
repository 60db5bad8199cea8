interface Task {
  run(): Promise<void>;
}

/**
 * Work that is done one piece at a time, however many ask for it: whoever asks is served in turn, so that one with much to do does
 * not keep the others waiting for all of it. What may wait is bounded by whoever asks.
 */
export class Turns {
  readonly #waiting = new Map<string, Task[]>();
  #isRunning = false;

  /** Resolves with what `work` gives, and rejects as it does. */
  take<T>(who: string, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const task = { run: () => work().then(resolve, reject) };
      const before = this.#waiting.get(who);
      if (before === undefined) this.#waiting.set(who, [task]);
      else before.push(task);
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      await next.run();
      await new Promise(setImmediate); // what came in meanwhile is answered before the next
    }
    this.#isRunning = false;
  }

  #next(): Task | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [who, tasks] = first;
    const task = tasks.shift();
    this.#waiting.delete(who);
    if (tasks.length > 0) this.#waiting.set(who, tasks); // behind the others
    return task;
  }
}
