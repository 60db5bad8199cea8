import type { FastifyInstance } from "fastify";
import type { FlowsPage, FlowsQuery, Store } from "../../store/index.ts";
import { flowColumns, flows } from "./answers/history.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { chooseForm, type Row, sendTable } from "./form.ts";
import { filter, format, integer, text, windowParameters } from "./parameter-kinds.ts";
import { invalid, windowOf } from "./parameters.ts";

/** Of one page; and of all pages, where they are sent one after the other. */
const pageRecordsMax = 1000;
const sentRecordsMax = 1_000_000;
/** A page that is looked for longer ends where the search is: a rare match in a long history comes in several. */
const patienceMilliseconds = 5000;

const describes = {
  summary:
    "Flow records, newest first: a page of them, or as csv and ndjson as many as wanted. A page may have fewer than asked for, or none, and yet a cursor: the search goes on from there.",
  parameters: {
    ...windowParameters,
    filter: filter("flows"),
    limit: integer(`Records at most: ${pageRecordsMax} as JSON.`, {
      ...{ fallback: 100, min: 1, max: sentRecordsMax },
    }),
    cursor: text("`nextCursor` of the page before.", 100),
    format,
  },
  answer: flows,
  forms: ["csv", "ndjson"],
} satisfies Description;

/** `GET /api/v1/flows`: raw records. */
export function routeFlows(app: FastifyInstance, store: Pick<Store, "flows">, now: () => number): void {
  app.get("/api/v1/flows", { config: { cost: "question", describes } }, async (request, reply) => {
    const { filter, limit, cursor, format, ...window } = readQuery(describes, request.query, now());
    const form = chooseForm(format, request.headers.accept);
    if (form === "json" && limit > pageRecordsMax)
      throw invalid(
        "limit",
        `"${limit}" is not a whole number from 1 to ${pageRecordsMax}; format=csv and ndjson take up to ${sentRecordsMax}`,
      );
    const ask = (asked: Pick<FlowsQuery, "cursor" | "limit">) =>
      askInTurn(request, (signal) =>
        store.flows({ ...windowOf(window, now()), filter, ...asked, patienceMilliseconds, signal }),
      );
    const first = await ask({ cursor, limit: Math.min(limit, pageRecordsMax) });
    if (form === "json") return first;
    return sendTable(reply, form, "flows", { columns: flowColumns, rows: rowsOf(first, limit, ask) });
  });
}

/** The page after is asked for when whoever reads has taken the one before. */
async function* rowsOf(
  first: FlowsPage,
  limit: number,
  ask: (asked: Pick<FlowsQuery, "cursor" | "limit">) => Promise<FlowsPage>,
): AsyncGenerator<Row> {
  let left = limit;
  let page = first;
  for (;;) {
    for (const record of page.records) yield flowColumns.map((column) => record[column] ?? null);
    left -= page.records.length;
    if (page.nextCursor === null || left <= 0) return;
    page = await ask({ cursor: page.nextCursor, limit: Math.min(left, pageRecordsMax) });
  }
}
