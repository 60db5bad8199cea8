import type { Series } from "../data/answers.ts";

/** Groups over time, one upon the other: what is sent upward from zero, what is received downward. Rates per second. */
export interface Stack {
  /** Unix seconds. */
  readonly times: readonly number[];
  readonly layers: readonly StackLayer[];
}

export interface StackLayer {
  readonly group: readonly string[];
  /** Its own rates, as they are read. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
  /** Where its upper and lower edge are drawn. */
  readonly top: readonly number[];
  readonly bottom: readonly number[];
  readonly total: number;
  readonly peak: number;
}

/** The step that `until` (Unix milliseconds) falls into is not over: its rate is of the time it has had. */
export function stackSeries({ times, step, series }: Series, until = Infinity): Stack {
  const seconds = times.map((time) => Math.max(1, Math.min(step, until - time) / 1000));
  const rates = (values: readonly number[] = []) => times.map((_, i) => (values[i] ?? 0) / seconds[i]!);
  let above = times.map(() => 0);
  let below = times.map(() => 0);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const heaviestFirst = [...series].sort(
    (a, b) => sum(b.sent) + sum(b.received ?? []) - sum(a.sent) - sum(a.received ?? []),
  );
  const layers = heaviestFirst.map((one): StackLayer => {
    const [sent, received] = [rates(one.sent), rates(one.received)];
    above = above.map((value, i) => value + sent[i]!);
    below = below.map((value, i) => value - received[i]!);
    const peak = sent.reduce((most, value, i) => Math.max(most, value + received[i]!), 0);
    const total = sum(one.sent) + sum(one.received ?? []);
    return { group: one.group, sent, received, top: above, bottom: below, total, peak };
  });
  return { times: times.map((time) => time / 1000), layers };
}
