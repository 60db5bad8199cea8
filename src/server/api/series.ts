import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/index.ts";
import { series } from "./answers/history.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { chooseForm, type Row, sendTable } from "./form.ts";
import {
  byDimensions,
  filter,
  format,
  integer,
  metric,
  sampling,
  windowParameters,
} from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";
import { chooseStep, type OneSeries, seriesOf, step } from "./steps.ts";

const describes = {
  summary: "Totals per step, of everything or of the heaviest groups.",
  parameters: {
    ...windowParameters,
    filter: filter(),
    by: byDimensions("everything together when not given", 2),
    metric,
    step,
    limit: integer("Groups at most.", { fallback: 10, min: 1, max: 100 }),
    sampling,
    format,
  },
  answer: series,
  forms: ["csv", "ndjson"],
} satisfies Description;

/** `GET /api/v1/series`: totals per step, of everything or of the heaviest groups. */
export function routeSeries(app: FastifyInstance, store: Pick<Store, "aggregate">, now: () => number): void {
  app.get("/api/v1/series", { config: { cost: "question", describes } }, async (request, reply) => {
    const given = readQuery(describes, request.query, now());
    const { filter, by, metric, limit, sampling: sampled } = given;
    const window = windowOf(given, now());
    const step = chooseStep(given.step, window);
    const answer = await askInTurn(request, (signal) =>
      store.aggregate({ ...window, filter, by, step, metric, limit, sampled, figures: "metric", signal }),
    );
    // Where minutes are kept no more the store answers by hours.
    const found = seriesOf(answer, answer.step ?? step, metric);
    const form = chooseForm(given.format, request.headers.accept);
    if (form === "json") return found;
    const values = metric === "bytes" ? ["bytesSent", "bytesReceived"] : [metric];
    const columns = ["time", ...by, ...values];
    return sendTable(reply, form, "series", { columns, rows: rowsOf(found.times, found.series) });
  });
}

/** A row per group and step. */
function* rowsOf(times: readonly number[], series: readonly OneSeries[]): Generator<Row> {
  for (const { group, sent, received } of series) {
    for (const [i, time] of times.entries())
      yield [time, ...group, sent[i]!, ...(received === undefined ? [] : [received[i]!])];
  }
}
