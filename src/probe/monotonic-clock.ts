/** Milliseconds of a clock that only goes on. `performance.now` tells the same, and has Node load ten of its modules for it first, which a probe's start would have to wait for. */
export function monotonicMilliseconds(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
