/** A look serves everybody who asks within this time, and longer the longer it took. */
const lookMilliseconds = 1000;
const lookShareMax = 0.05;

/**
 * Shares what is dear to find out: looking at all exporters holds up the receiving thread. However many ask, `look` is begun
 * at most once a second, never twice at once, and takes a twentieth of the time at most. One that failed is not shared.
 */
export function createLook<T>(
  look: () => Promise<T>,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let last: { until: number; readonly found: Promise<T> } | undefined;
  return () => {
    const at = now();
    if (last !== undefined && at < last.until) return last.found;
    const begun = { until: Number.POSITIVE_INFINITY, found: look() };
    last = begun;
    begun.found.then(
      () => (begun.until = now() + Math.max(lookMilliseconds, (now() - at) / lookShareMax)),
      () => (begun.until = Number.NEGATIVE_INFINITY),
    );
    return begun.found;
  };
}
