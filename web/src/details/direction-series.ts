import type { Series } from "../data/answers.ts";

/** Bytes per second out of and into a peer, or along a link both ways. */
export interface DirectionSeries {
  /** Unix seconds, as the chart takes them. */
  readonly times: readonly number[];
  readonly out: readonly number[];
  readonly in: readonly number[];
}

/**
 * Totals per step of several answers, by time, as rates. As a server a peer sends what its links received. The step that
 * `until` (Unix milliseconds) falls into is not over: its rate is of the time it has had.
 */
export function directionSeries(asClient: Series, asServer?: Series, until = Infinity): DirectionSeries {
  const out = new Map<number, number>();
  const into = new Map<number, number>();
  const seconds = (time: number) => Math.max(1, Math.min(asClient.step, until - time) / 1000);
  const add = (to: Map<number, number>, times: readonly number[], values: readonly number[] = []) => {
    for (const [i, time] of times.entries()) {
      to.set(time, (to.get(time) ?? 0) + (values[i] ?? 0) / seconds(time));
    }
  };
  for (const { sent, received } of asClient.series) {
    add(out, asClient.times, sent);
    add(into, asClient.times, received);
  }
  for (const { sent, received } of asServer?.series ?? []) {
    add(out, asServer!.times, received);
    add(into, asServer!.times, sent);
  }
  const times = [...new Set([...asClient.times, ...(asServer?.times ?? [])])].sort((a, b) => a - b);
  return {
    times: times.map((time) => time / 1000),
    out: times.map((time) => out.get(time) ?? 0),
    in: times.map((time) => into.get(time) ?? 0),
  };
}
