import type { FastifyInstance } from "fastify";
import type { Store } from "../../store/index.ts";
import { top } from "./answers/history.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { chooseForm, sendTable } from "./form.ts";
import { figureCells, figureColumns, figuresOf, metricOf } from "./link-cells.ts";
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

const describes = {
  summary: "The heaviest groups by any field, or by several together.",
  parameters: {
    ...windowParameters,
    filter: filter(),
    by: byDimensions("`client.name,server.name` when not given", 4),
    metric,
    limit: integer("Groups at most.", { fallback: 10, min: 1, max: 1000 }),
    sampling,
    format,
  },
  answer: top,
  forms: ["csv", "ndjson"],
} satisfies Description;

/** `GET /api/v1/top`: the heaviest groups by any dimensions. */
export function routeTop(app: FastifyInstance, store: Pick<Store, "aggregate">, now: () => number): void {
  app.get("/api/v1/top", { config: { cost: "question", describes } }, async (request, reply) => {
    const { filter, metric, limit, sampling: sampled, ...given } = readQuery(describes, request.query, now());
    const by = given.by.length === 0 ? (["client.name", "server.name"] as const) : given.by;
    const question = { ...windowOf(given, now()), filter, metric, limit, by, sampled };
    const { from, to, rows, groupsLeftOut } = await askInTurn(request, (signal) =>
      store.aggregate({ ...question, signal }),
    );
    const groups = rows.map((row) => ({
      group: row.group,
      value: metricOf(row, metric),
      ...figuresOf(row),
    }));
    const form = chooseForm(given.format, request.headers.accept);
    if (form === "json") return { from, to, by, metric, rows: groups, groupsLeftOut };
    return sendTable(reply, form, "top", {
      columns: [...by, "value", ...figureColumns],
      rows: groups.map((row) => [...row.group, row.value, ...figureCells(row)]),
    });
  });
}
