import type { Series } from "../data/answers.ts";
import { rangeBounds, rangeMilliseconds, type TimeRange } from "./time-range.ts";

/** The stretch of time below the map: some more than what is looked at. */
export interface Strip {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly now: number;
  /** Times need their day. */
  readonly isLong: boolean;
}

const minute = 60_000;
const hour = 60 * minute;
const steps = [minute, 5 * minute, 15 * minute, hour, 6 * hour, 24 * hour];
const barsMax = 180;

/** At least an hour, and four times what is looked at; ends now, or some time after a window of the past. */
export function stripFor(range: TimeRange, now: number): Strip {
  const bounds = rangeBounds(range, now);
  const length = Math.max(hour, rangeMilliseconds(range) * 4);
  const end = Math.min(now, bounds.to + length / 4);
  const step = steps.find((one) => length / one <= barsMax) ?? Math.ceil(length / barsMax / minute) * minute;
  const to = Math.ceil(end / step) * step;
  return { from: Math.floor((to - length) / step) * step, to, step, now, isLong: length > 20 * hour };
}

/** Bars from 0 to 1 by the square root of what there was: a quiet hour is still to be seen beside a busy one. */
export function stripBars({ times, series }: Series, { from, to, step }: Strip) {
  const totals = new Array<number>(Math.max(1, Math.round((to - from) / step))).fill(0);
  for (const { sent, received } of series)
    for (const [i, time] of times.entries()) {
      const at = Math.floor((time - from) / step);
      if (at >= 0 && at < totals.length) totals[at]! += (sent[i] ?? 0) + (received?.[i] ?? 0);
    }
  const most = totals.reduce((a, b) => Math.max(a, b), 0);
  return {
    heights: totals.map((total) => (most === 0 ? 0 : Math.sqrt(total / most))),
    rateAt: (time: number) => (totals[Math.floor((time - from) / step)] ?? 0) / (step / 1000),
  };
}

const spanAtMoment = 5 * minute;

/** The usual window around a moment: at the end it is live. */
export function windowAt(time: number, { now, step }: Pick<Strip, "now" | "step">): TimeRange {
  if (time >= now - minute) return { kind: "live" };
  const half = Math.max(spanAtMoment, step) / 2;
  return {
    kind: "between",
    from: Math.max(0, Math.round(time - half)),
    to: Math.round(Math.min(now, time + half)),
  };
}
