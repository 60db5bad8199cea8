import type { FastifyInstance } from "fastify";
import { dimensions, type Store } from "../../store/index.ts";
import { series as seriesAnswer } from "./answers/history.ts";
import { type Description, type Parameter, readQuery } from "./description.ts";
import { chooseForm, type Row, sendTable } from "./form.ts";
import { metrics } from "./map.ts";
import { filter, format, integer, listOf, oneOf, windowParameters } from "./parameter-kinds.ts";
import { invalid, windowOf } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";
import { metricOf } from "./top.ts";

const minuteMilliseconds = 60_000;
const stepsMax = 2000;
const readableSteps = 120;

const stepBounds = { fallback: 0, min: minuteMilliseconds, max: 366 * 86_400_000 };
/** Undefined: one that a window of that length is readable with. */
const step: Parameter<number | undefined> = {
  description: `Milliseconds: a multiple of a minute that divides the window into at most ${stepsMax} steps.`,
  schema: {
    type: "integer",
    minimum: stepBounds.min,
    maximum: stepBounds.max,
    multipleOf: minuteMilliseconds,
  },
  read: (parameters, name) => parameters.integer(name, stepBounds) || undefined,
};

const describes = {
  summary: "Totals per step, of everything or of the heaviest groups.",
  parameters: {
    ...windowParameters,
    filter: filter(),
    by: listOf("What is grouped by; everything together when not given.", dimensions, 2),
    metric: oneOf("What is added up, and what groups are ordered by.", metrics, "bytes"),
    step,
    limit: integer("Groups at most.", { fallback: 10, min: 1, max: 100 }),
    format,
  },
  answer: seriesAnswer,
  forms: ["csv", "ndjson"],
} satisfies Description;

interface OneSeries {
  readonly group: readonly string[];
  readonly sent: number[];
  readonly received?: number[];
}

/** `GET /api/v1/series`: totals per step, of everything or of the heaviest groups. */
export function routeSeries(app: FastifyInstance, store: Store, now: () => number): void {
  app.get("/api/v1/series", { config: { cost: "question", describes } }, async (request, reply) => {
    const given = readQuery(describes, request.query, now());
    const { filter, by, metric, limit } = given;
    const window = windowOf(given, now());
    const step = chooseStep(given.step, window.to - window.from);
    const { from, to, rows } = await withTimeout(request, (signal) =>
      store.aggregate({ ...window, filter, by, step, metric, limit, signal }),
    );
    const times: number[] = [];
    for (let time = Math.floor(from / step) * step; time < to; time += step) times.push(time);
    const indexOf = new Map(times.map((time, i) => [time, i]));
    const series = new Map<string, OneSeries>();
    for (const row of rows) {
      const key = JSON.stringify(row.group);
      let one = series.get(key);
      if (one === undefined) {
        const empty = () => new Array<number>(times.length).fill(0);
        one =
          metric === "bytes"
            ? { group: row.group, sent: empty(), received: empty() }
            : { group: row.group, sent: empty() };
        series.set(key, one);
      }
      const i = indexOf.get(row.time);
      if (i === undefined) continue;
      one.sent[i]! += metric === "bytes" ? row.bytesSent : metricOf(row, metric);
      if (one.received !== undefined) one.received[i]! += row.bytesReceived;
    }
    const form = chooseForm(given.format, request.headers.accept);
    if (form === "json") return { from, to, step, metric, times, series: [...series.values()] };
    const values = metric === "bytes" ? ["bytesSent", "bytesReceived"] : [metric];
    const columns = ["time", ...by, ...values];
    return sendTable(reply, form, "series", { columns, rows: rowsOf(times, [...series.values()]) });
  });
}

/** A row per group and step. */
function* rowsOf(times: readonly number[], series: readonly OneSeries[]): Generator<Row> {
  for (const { group, sent, received } of series) {
    for (const [i, time] of times.entries())
      yield [time, ...group, sent[i]!, ...(received === undefined ? [] : [received[i]!])];
  }
}

function chooseStep(asked: number | undefined, windowMilliseconds: number): number {
  const multiple = (count: number) =>
    Math.max(1, Math.ceil(windowMilliseconds / count / minuteMilliseconds)) * minuteMilliseconds;
  const smallest = multiple(stepsMax);
  const step = asked ?? multiple(readableSteps);
  if (step % minuteMilliseconds === 0 && step >= smallest) return step;
  throw invalid(
    "step",
    `${step} is not a multiple of a minute (60000 ms) that divides this window into at most ${stepsMax} steps; ${smallest} would do`,
  );
}
