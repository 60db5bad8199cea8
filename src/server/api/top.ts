import type { FastifyInstance } from "fastify";
import { type AggregateRow, dimensions, type Store } from "../../store/index.ts";
import type { LinkFailures } from "../../topology/index.ts";
import { metrics } from "./map.ts";
import { Parameters } from "./parameters.ts";
import { withTimeout } from "./timeout.ts";

type Metric = (typeof metrics)[number];

/** `GET /api/v1/top`: the heaviest groups by any one or two dimensions. */
export function routeTop(app: FastifyInstance, store: Store, now: () => number): void {
  app.get("/api/v1/top", async (request) => {
    const parameters = new Parameters(
      request.query,
      ["by", "metric", "limit", "from", "to", "filter"],
      now(),
    );
    const by = parameters.listOf("by", dimensions, 4);
    const metric = parameters.oneOf("metric", metrics) ?? "bytes";
    const limit = parameters.integer("limit", { fallback: 10, min: 1, max: 1000 });
    const question = { ...parameters.window(), filter: parameters.filter(), metric, limit };
    const effective = by.length === 0 ? (["client.name", "server.name"] as const) : by;
    const { from, to, rows, groupsLeftOut } = await withTimeout(request, (signal) =>
      store.aggregate({ ...question, by: effective, signal }),
    );
    return {
      from,
      to,
      by: effective,
      metric,
      rows: rows.map((row) => ({
        group: row.group,
        value: metricOf(row, metric),
        bytesSent: row.bytesSent,
        bytesReceived: row.bytesReceived,
        packets: row.packets,
        connections: row.connections,
        failed: row.failed,
        failures: failuresOf(row),
        retransmits: row.retransmits,
        rttMs: row.rttMicroseconds === null ? null : row.rttMicroseconds / 1000,
        rttMinMs: row.rttMinMicroseconds === null ? null : row.rttMinMicroseconds / 1000,
        connectMs: row.connectCount === 0 ? null : row.connectMicroseconds / row.connectCount / 1000,
      })),
      groupsLeftOut,
    };
  });
}

function failuresOf({ refused, timedOut, unreachable, reset, lost }: AggregateRow): LinkFailures {
  return { refused, timedOut, unreachable, reset, lost };
}

export function metricOf(row: AggregateRow, metric: Metric): number {
  return metric === "bytes" ? row.bytesSent + row.bytesReceived : row[metric];
}
