import type { Aggregate, Metric } from "../../store/index.ts";
import type { Parameter } from "./description.ts";
import { metricOf } from "./link-cells.ts";
import { invalid } from "./parameters.ts";

const minuteMilliseconds = 60_000;
const stepsMax = 2000;
const readableSteps = 120;
const stepBounds = { fallback: 0, min: minuteMilliseconds, max: 366 * 86_400_000 };

/** Undefined: one that a window of that length is readable with. */
export const step: Parameter<number | undefined> = {
  description: `Milliseconds: a multiple of a minute that divides the window into at most ${stepsMax} steps.`,
  schema: {
    type: "integer",
    minimum: stepBounds.min,
    maximum: stepBounds.max,
    multipleOf: minuteMilliseconds,
  },
  read: (parameters, name) => parameters.integer(name, stepBounds) || undefined,
};

export function chooseStep(asked: number | undefined, window: { from: number; to: number }): number {
  const multiple = (count: number) =>
    Math.max(1, Math.ceil((window.to - window.from) / count / minuteMilliseconds)) * minuteMilliseconds;
  const smallest = multiple(stepsMax);
  const step = asked ?? multiple(readableSteps);
  if (step % minuteMilliseconds === 0 && step >= smallest) return step;
  throw invalid(
    "step",
    `${step} is not a multiple of a minute (60000 ms) that divides this window into at most ${stepsMax} steps; ${smallest} would do`,
  );
}

export interface OneSeries {
  readonly group: readonly string[];
  /** Null where a mean has nothing to be made of. */
  readonly sent: (number | null)[];
  readonly received?: number[];
}

/** Totals per step, 0 where nothing was. */
export function seriesOf({ from, to, rows, ...answer }: Aggregate, asked: number, metric: Metric) {
  const step = answer.step ?? asked;
  const times: number[] = [];
  for (let time = Math.floor(from / step) * step; time < to; time += step) times.push(time);
  const indexOf = new Map(times.map((time, i) => [time, i]));
  const series = new Map<string, OneSeries>();
  const nothing = metric === "rtt" ? null : 0;
  for (const row of rows) {
    const key = JSON.stringify(row.group);
    let one = series.get(key);
    if (one === undefined) {
      const sent = new Array<number | null>(times.length).fill(nothing);
      const received = new Array<number>(times.length).fill(0);
      one = { group: row.group, sent, ...(metric === "bytes" ? { received } : {}) };
      series.set(key, one);
    }
    const i = indexOf.get(row.time);
    if (i === undefined) continue;
    one.sent[i] = metric === "bytes" ? row.bytesSent : metricOf(row, metric);
    if (one.received !== undefined) one.received[i] = row.bytesReceived;
  }
  return { from, to, step, metric, times, series: [...series.values()] };
}
