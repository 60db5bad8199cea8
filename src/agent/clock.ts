export interface ClockDependencies {
  /** Told in words when the machine's clock has jumped. */
  onStep(what: string): void;
  /** The machine's clock, unix ms. */
  wall?(): number;
  /** Milliseconds that go on evenly, from anywhere. */
  monotonic?(): number;
}

/** A difference below this is drift, and followed without a word. */
const stepMilliseconds = 1000;

/**
 * Unix ms that never goes back and goes on evenly: the machine's clock as it was at the start, moved on by the monotonic
 * one. When the machine's clock is ahead, it is followed; when it was set back, this one goes on as it was, because
 * history is ordered by it, until the program is started again.
 */
export function createClock(dependencies: ClockDependencies): () => number {
  const { onStep, wall = Date.now, monotonic = () => performance.now() } = dependencies;
  let offset = wall() - monotonic();
  let last = 0;
  let isBehindTold = false;
  return () => {
    const even = monotonic() + offset;
    const ahead = wall() - even;
    if (ahead > 0) {
      if (ahead > stepMilliseconds)
        onStep(`clock: the machine's clock went ahead by ${Math.round(ahead / 1000)} s; followed`);
      offset += ahead;
    } else if (ahead < -stepMilliseconds && !isBehindTold) {
      isBehindTold = true;
      onStep(
        `clock: the machine's clock was set back by ${Math.round(-ahead / 1000)} s; times go on as they were until the next start`,
      );
    }
    last = Math.max(last, Math.floor(monotonic() + offset));
    return last;
  };
}
