/** What repeated measurements say together. */

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Median absolute deviation: half of the measurements are nearer to the median than this. */
export function deviation(numbers: readonly number[]): number {
  const middle = median(numbers);
  return median(numbers.map((number) => Math.abs(number - middle)));
}

const resamples = 2000;

/** The interval that holds the median with 95 % confidence, by bootstrap. */
export function medianInterval(numbers: readonly number[]): [low: number, high: number] {
  const medians = Array.from({ length: resamples }, () =>
    median(numbers.map(() => numbers[Math.floor(Math.random() * numbers.length)]!)),
  ).sort((a, b) => a - b);
  return [medians[Math.floor(resamples * 0.025)]!, medians[Math.ceil(resamples * 0.975) - 1]!];
}
