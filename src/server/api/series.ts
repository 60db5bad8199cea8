import type { FastifyInstance } from "fastify";
import { dimensions, type Store } from "../../store/index.ts";
import { Problem } from "../problem.ts";
import { metrics } from "./map.ts";
import { Parameters } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";
import { metricOf } from "./top.ts";

const minuteMilliseconds = 60_000;
const stepsMax = 2000;

/** `GET /api/v1/series`: totals per step, of everything or of the heaviest groups. */
export function routeSeries(app: FastifyInstance, store: Store, now: () => number): void {
  app.get("/api/v1/series", async (request) => {
    const accepted = ["by", "metric", "step", "limit", "from", "to", "filter"];
    const parameters = new Parameters(request.query, accepted, now());
    const by = parameters.listOf("by", dimensions, 2);
    const metric = parameters.oneOf("metric", metrics) ?? "bytes";
    const limit = parameters.integer("limit", { fallback: 10, min: 1, max: 100 });
    const window = parameters.window();
    const step = readStep(parameters, window.to - window.from);
    const filter = parameters.filter();
    const { from, to, rows } = await withTimeout(request, (signal) =>
      store.aggregate({ ...window, filter, by, step, metric, limit, signal }),
    );
    const times: number[] = [];
    for (let time = Math.floor(from / step) * step; time < to; time += step) times.push(time);
    const indexOf = new Map(times.map((time, i) => [time, i]));
    const series = new Map<string, { group: readonly string[]; sent: number[]; received?: number[] }>();
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
    return { from, to, step, metric, times, series: [...series.values()] };
  });
}

function readStep(parameters: Parameters, windowMilliseconds: number): number {
  const smallest = Math.ceil(windowMilliseconds / stepsMax / minuteMilliseconds) * minuteMilliseconds;
  const readable = Math.max(
    minuteMilliseconds,
    Math.ceil(windowMilliseconds / 120 / minuteMilliseconds) * minuteMilliseconds,
  );
  const step = parameters.integer("step", {
    fallback: readable,
    min: minuteMilliseconds,
    max: 366 * 86_400_000,
  });
  if (step % minuteMilliseconds !== 0 || step < smallest) {
    throw new Problem(
      400,
      "parameter_invalid",
      `step: ${step} is not a multiple of a minute (60000 ms) that divides this window into at most ${stepsMax} steps; ${Math.max(smallest, minuteMilliseconds)} would do`,
      { parameter: "step" },
    );
  }
  return step;
}
