import type { FastifyInstance } from "fastify";
import type { AskedNameTotals, Store } from "../../store/index.ts";
import { lookups } from "./answers/history.ts";
import { askInTurn } from "./ask-in-turn.ts";
import { type Description, readQuery } from "./description.ts";
import { chooseForm, sendTable } from "./form.ts";
import { filter, format, integer, windowParameters } from "./parameter-kinds.ts";
import { windowOf } from "./parameters.ts";

const describes = {
  summary: "Names that peers looked up, as agents saw their DNS: by whole hours.",
  parameters: {
    ...windowParameters,
    filter: filter("askers"),
    limit: integer("Names at most.", { fallback: 100, min: 1, max: 5000 }),
    format,
  },
  answer: lookups,
  forms: ["csv", "ndjson"],
} satisfies Description;

const columns = [
  ...["name", "queries", "answers", "failures", "nxdomain", "servfail", "refused", "otherFailures"],
  ...["timedOut", "latencyMeanMs", "latencyMaxMs", "lastSeen", "peers", "searchOf"],
];

/** `GET /api/v1/lookups`. */
export function routeLookups(
  app: FastifyInstance,
  store: Pick<Store, "askedNames">,
  now: () => number,
): void {
  app.get("/api/v1/lookups", { config: { cost: "question", describes } }, async (request, reply) => {
    const { filter, limit, ...given } = readQuery(describes, request.query, now());
    const question = { ...windowOf(given, now()), filter, limit };
    const { from, to, rows, namesLeftOut } = await askInTurn(request, (signal) =>
      store.askedNames({ ...question, signal }),
    );
    const form = chooseForm(given.format, request.headers.accept);
    if (form === "json") return { from, to, names: rows.map(nameOf), namesLeftOut };
    return sendTable(reply, form, "lookups", {
      columns,
      rows: rows.map((row) => [
        ...[row.name, row.queryCount, row.answerCount, failuresOf(row), row.nxdomainCount, row.servfailCount],
        ...[row.refusedCount, row.otherFailureCount, row.timedOutCount, ...latenciesOf(row)],
        ...[row.lastSeen, row.peers, row.searchOf ?? null],
      ]),
    });
  });
}

function nameOf(row: AskedNameTotals) {
  const [latencyMeanMs, latencyMaxMs] = latenciesOf(row);
  const codes = Object.entries({
    ...{ NXDOMAIN: row.nxdomainCount, SERVFAIL: row.servfailCount, REFUSED: row.refusedCount },
    other: row.otherFailureCount,
  });
  return {
    ...{ name: row.name, queries: row.queryCount, answers: row.answerCount, failures: failuresOf(row) },
    failureCounts: Object.fromEntries(codes.filter(([, count]) => count > 0)),
    ...{ timedOut: row.timedOutCount, latencyMeanMs, latencyMaxMs },
    ...{ lastSeen: row.lastSeen, peers: row.peers },
    ...(row.searchOf === undefined ? {} : { searchOf: row.searchOf }),
  };
}

function failuresOf({
  nxdomainCount,
  servfailCount,
  refusedCount,
  otherFailureCount,
}: AskedNameTotals): number {
  return nxdomainCount + servfailCount + refusedCount + otherFailureCount;
}

function latenciesOf(row: AskedNameTotals): [mean: number | null, max: number | null] {
  const { answerCount, latencySumMicroseconds, latencyMaxMicroseconds } = row;
  return answerCount === 0
    ? [null, null]
    : [latencySumMicroseconds / answerCount / 1000, latencyMaxMicroseconds / 1000];
}
